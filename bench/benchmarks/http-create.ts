/** `POST /memories`, beside a bare Fastify route that inserts the same body as one row, autocommitted and prepared. */
import { randomUUID } from 'node:crypto';
import { startBareRoutes } from '../bare-server.ts';
import type { BenchContext, Benchmark } from '../benchmark.ts';
import { type HttpLoadMeasure, runHttpLoad } from '../http-load.ts';
import { createMemories } from '../memory-generator.ts';
import type { Figure } from '../report.ts';
import { toRestMemory } from '../rest-memory.ts';
import type { ServerProcess } from '../server-process.ts';
import { alternate, summarize } from '../statistics.ts';

const connectionCounts = [1, 32] as const;
const fullSeconds = 5;
const warmUpSeconds = 2;
/** Sent in turn. Their ids are the server's, so the same body again is another memory. */
const bodies = 1_000;

export const httpCreate: Benchmark = {
  name: 'http-create',
  async run(context) {
    if (context.ours === null) return [];
    const [storage, bareStorage] = [await context.newStorage(), await context.newStorage()];
    const ours = await context.ours.start(context.cleanup, storage.place);
    const bare = await startBareRoutes(context, bareStorage.place, {});
    const figures: Figure[] = [];
    for (const connections of connectionCounts) {
      // A user for each number of connections, as large at the same time in its rounds.
      const { token } = await ours.register(randomUUID());
      figures.push(...(await measure(context, { ours, bare, token, connections })));
    }
    await bare.stop();
    await ours.stop();
    await bareStorage.drop();
    await storage.drop();
    return figures;
  },
};

interface Case {
  readonly ours: Pick<ServerProcess, 'url' | 'pid'>;
  readonly bare: Pick<ServerProcess, 'url' | 'pid'>;
  readonly token: string;
  readonly connections: number;
}

async function measure(context: BenchContext, { ours, bare, token, connections }: Case): Promise<Figure[]> {
  const requests = createMemories(bodies, connections).map(
    (op) => ({ method: 'POST', path: '/api/v1/memories', body: JSON.stringify(toRestMemory(op)) }) as const,
  );
  const run = ({ url, pid }: Case['ours'], seconds: number) =>
    runHttpLoad(context.cleanup, pid, { url, connections, seconds, requests, token });
  for (const server of [ours, bare]) await run(server, warmUpSeconds);
  const seconds = Math.max(1, context.sized(fullSeconds));
  const measured = await alternate<HttpLoadMeasure>(context.rounds, {
    ours: () => run(ours, seconds),
    bare: () => run(bare, seconds),
  });
  const of = (who: string, value: (round: HttpLoadMeasure) => number) => summarize((measured[who] ?? []).map(value));
  const rate = ({ requestsPerSecond }: HttpLoadMeasure): number => requestsPerSecond;
  const cpu = ({ serverCpuUs }: HttpLoadMeasure): number => serverCpuUs ?? 0;
  const figure = { name: `POST /memories × ${connections}`, unit: '/s', baselineName: 'bare INSERT' };
  return [
    { ...figure, ours: of('ours', rate), baseline: of('bare', rate), target: { of: 'ratio', atLeast: 0.8 } },
    { ...figure, name: `${figure.name}, CPU`, unit: 'µs', ours: of('ours', cpu), baseline: of('bare', cpu), target: null },
  ];
}
