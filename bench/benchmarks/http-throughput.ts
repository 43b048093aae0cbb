/** Requests per second of two routes that only read, beside bare Fastify routes that answer the same JSON. */
import { startBareRoutes } from '../bare-server.ts';
import { type BenchContext, type Benchmark, createFilledUser } from '../benchmark.ts';
import { type HttpLoad, type HttpLoadMeasure, runHttpLoad } from '../http-load.ts';
import { untilRecallIdle } from '../recall-idle.ts';
import type { Figure, Target } from '../report.ts';
import type { ServerProcess } from '../server-process.ts';
import { alternate, summarize } from '../statistics.ts';

const connections = 64;
const fullSeconds = 5;
const warmUpSeconds = 2;
const memories = 1_000;
/** Asked for in turn, so that no answer to one question is what is measured. */
const asked = 100;

interface Case {
  readonly name: string;
  readonly target: Target;
  readonly load: Pick<HttpLoad, 'requests' | 'token'>;
}

export const httpThroughput: Benchmark = {
  name: 'http-throughput',
  async run(context) {
    if (context.ours === null) return [];
    const [storage, bareStorage] = [await context.newStorage(), await context.newStorage()];
    const ours = await context.ours.start(context.cleanup, storage.place);
    const { user } = await createFilledUser(ours, memories, 1);
    const listed = (await user.listMemories(asked)) as readonly { readonly id: string }[];
    const one = await user.send<object>('GET', `/memories/${listed[0]?.id}`);
    const health = (await (await fetch(`${ours.url}/health`)).json()) as object;
    const bare = await startBareRoutes(context, bareStorage.place, { '/health': health, '/api/v1/memories/:id': one });
    await untilRecallIdle(ours.url);
    const requests = listed.map(({ id }) => ({ method: 'GET', path: `/api/v1/memories/${id}` }) as const);
    const cases: readonly Case[] = [
      {
        name: 'GET /health',
        target: { of: 'ratio', atLeast: 0.85 },
        load: { requests: [{ method: 'GET', path: '/health' }], token: null },
      },
      { name: 'GET /memories/:id', target: { of: 'ratio', atLeast: 0.35 }, load: { requests, token: user.token } },
    ];
    const figures: Figure[] = [];
    for (const each of cases) figures.push(...(await measure(context, { ours, bare }, each)));
    await bare.stop();
    await ours.stop();
    await bareStorage.drop();
    await storage.drop();
    return figures;
  },
};

interface Both {
  readonly ours: Pick<ServerProcess, 'url' | 'pid'>;
  readonly bare: Pick<ServerProcess, 'url' | 'pid'>;
}

async function measure(context: BenchContext, { ours, bare }: Both, { name, target, load }: Case): Promise<Figure[]> {
  const run = ({ url, pid }: Both['ours'], seconds: number) =>
    runHttpLoad(context.cleanup, pid, { ...load, url, connections, seconds });
  for (const server of [ours, bare]) await run(server, warmUpSeconds);
  const seconds = Math.max(1, context.sized(fullSeconds));
  const measured = await alternate<HttpLoadMeasure>(context.rounds, {
    ours: () => run(ours, seconds),
    bare: () => run(bare, seconds),
  });
  const of = (who: string, value: (round: HttpLoadMeasure) => number) => summarize((measured[who] ?? []).map(value));
  const rate = ({ requestsPerSecond }: HttpLoadMeasure): number => requestsPerSecond;
  const cpu = ({ serverCpuUs }: HttpLoadMeasure): number => serverCpuUs ?? 0;
  const figure = { name: `${name} × ${connections}`, unit: '/s', baselineName: 'bare route' };
  return [
    { ...figure, ours: of('ours', rate), baseline: of('bare', rate), target },
    { ...figure, name: `${figure.name}, CPU`, unit: 'µs', ours: of('ours', cpu), baseline: of('bare', cpu), target: null },
  ];
}
