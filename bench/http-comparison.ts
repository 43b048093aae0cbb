/** The same requests at our server and at the bare one, in turn: rates, and what each cost in processor time. */
import type { BenchContext } from './benchmark.ts';
import { type HttpLoad, type HttpLoadMeasure, runHttpLoad } from './http-load.ts';
import type { Figure, Target } from './report.ts';
import type { ServerProcess } from './server-process.ts';
import { alternate, summarize } from './statistics.ts';

type Server = Pick<ServerProcess, 'url' | 'pid'>;

export interface HttpComparison {
  readonly name: string;
  readonly baselineName: string;
  readonly target: Target;
  readonly load: Pick<HttpLoad, 'connections' | 'requests' | 'token'>;
}

const fullSeconds = 5;
/** Before the clock starts: compilers and caches settle. */
const warmUpSeconds = 2;

export async function compareHttp(
  { cleanup, rounds, sized }: BenchContext,
  { ours, bare }: { readonly ours: Server; readonly bare: Server },
  { name, baselineName, target, load }: HttpComparison,
): Promise<Figure[]> {
  const run = ({ url, pid }: Server, seconds: number) => runHttpLoad(cleanup, pid, { ...load, url, seconds });
  for (const server of [ours, bare]) await run(server, warmUpSeconds);
  const seconds = Math.max(1, sized(fullSeconds));
  const measured = await alternate<HttpLoadMeasure>(rounds, { ours: () => run(ours, seconds), bare: () => run(bare, seconds) });
  const figure = (what: string, unit: string, value: (round: HttpLoadMeasure) => number, aim: Target | null): Figure => {
    const of = (who: string) => summarize((measured[who] ?? []).map(value));
    return {
      name: `${name} × ${load.connections}${what}`,
      unit,
      ours: of('ours'),
      baselineName,
      baseline: of('bare'),
      target: aim,
    };
  };
  return [
    figure('', '/s', ({ requestsPerSecond }) => requestsPerSecond, target),
    figure(', server CPU', 'µs', ({ serverCpuUs }) => serverCpuUs ?? 0, null),
    figure(', load CPU', 'µs', ({ ownCpuUs }) => ownCpuUs, null),
  ];
}
