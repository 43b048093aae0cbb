/** Requests per second of two routes that only read, beside bare Fastify routes that answer the same JSON. */
import { startBareRoutes } from '../bare-server.ts';
import { type Benchmark, createFilledUser } from '../benchmark.ts';
import { compareHttp, type HttpComparison } from '../http-comparison.ts';
import { untilRecallIdle } from '../recall-idle.ts';
import type { Figure } from '../report.ts';

const connections = 64;
const baselineName = 'bare route';
const memories = 1_000;
/** Asked for in turn, so that no answer to one question is what is measured. */
const asked = 100;

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
    const cases: readonly HttpComparison[] = [
      {
        name: 'GET /health',
        baselineName,
        target: { of: 'ratio', atLeast: 0.85 },
        load: { connections, requests: [{ method: 'GET', path: '/health' }], token: null },
      },
      {
        name: 'GET /memories/:id',
        baselineName,
        target: { of: 'ratio', atLeast: 0.35 },
        load: { connections, requests, token: user.token },
      },
    ];
    const figures: Figure[] = [];
    for (const each of cases) figures.push(...(await compareHttp(context, { ours, bare }, each)));
    await bare.stop();
    await ours.stop();
    await bareStorage.drop();
    await storage.drop();
    return figures;
  },
};
