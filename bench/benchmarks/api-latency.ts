/** How long the main routes of the REST API take, one request after the other, at a server that does nothing else. */
import { type BenchContext, type Benchmark, createFilledUser } from '../benchmark.ts';
import { createMemories } from '../memory-generator.ts';
import { untilRecallIdle } from '../recall-idle.ts';
import type { Figure } from '../report.ts';
import { toRestMemory } from '../rest-memory.ts';
import type { OurUser } from '../server-under-test.ts';
import { quantile, summarize } from '../statistics.ts';

const fullMemories = 10_000;
const fullRequests = 400;
/** Of each route, before the clock starts. */
const warmUp = 50;

/** The n-th request of a route, to a user with these memories. */
type Ask = (user: OurUser, n: number, ids: readonly string[]) => Promise<unknown>;

const created = createMemories(5_000, 77).map(toRestMemory);

const askByRoute: Readonly<Record<string, Ask>> = {
  'POST /memories': (user, n) => user.send('POST', '/memories', created[n % created.length]),
  'GET /memories/:id': (user, n, ids) => user.send('GET', `/memories/${ids[n % ids.length]}`),
  'GET /memories?limit=50': (user) => user.send('GET', '/memories?limit=50'),
  'POST /memories/search': (user, n) =>
    user.send('POST', '/memories/search', { query: created[n % created.length]?.['content'] }),
  'PUT /memories/:id': (user, n, ids) =>
    user.send('PUT', `/memories/${ids[n % ids.length]}`, { content: `${created[n % created.length]?.['content']} (${n})` }),
};

export const apiLatency: Benchmark = {
  name: 'api-latency',
  async run(context) {
    if (context.ours === null) return [];
    const storage = await context.newStorage();
    const server = await context.ours.start(context.cleanup, storage.place);
    const count = context.sized(fullMemories);
    const { user } = await createFilledUser(server, count, 1);
    await untilRecallIdle(server.url);
    const ids = ((await user.listMemories(200)) as readonly { readonly id: string }[]).map(({ id }) => id);
    const latencies = await measure(context, user, ids);
    await server.stop();
    await storage.drop();
    return Object.entries(latencies).flatMap(([route, rounds]) => [toFigure(route, 0.5, rounds), toFigure(route, 0.95, rounds)]);
  },
};

/** Of each route: ms of every request, by round. */
async function measure(
  { rounds, sized }: BenchContext,
  user: OurUser,
  ids: readonly string[],
): Promise<Readonly<Record<string, readonly number[][]>>> {
  const latencies: Record<string, number[][]> = Object.fromEntries(Object.keys(askByRoute).map((route) => [route, []]));
  let n = 0;
  for (const ask of Object.values(askByRoute)) for (let i = 0; i < warmUp; i++) await ask(user, n++, ids);
  for (let round = 0; round < rounds; round++) {
    for (const [route, ask] of Object.entries(askByRoute)) {
      const ms: number[] = [];
      for (let i = 0; i < sized(fullRequests); i++) {
        const start = performance.now();
        await ask(user, n++, ids);
        ms.push(performance.now() - start);
      }
      latencies[route]?.push(ms);
    }
  }
  return latencies;
}

function toFigure(route: string, q: number, rounds: readonly (readonly number[])[]): Figure {
  const ours = summarize(rounds.map((ms) => quantile(ms, q)));
  return { name: `${route}, p${100 * q}`, unit: 'ms', ours, baselineName: '', baseline: null, target: null };
}
