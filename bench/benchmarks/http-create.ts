/** `POST /memories`, beside a bare Fastify route that inserts the same body as one row, autocommitted and prepared. */
import { randomUUID } from 'node:crypto';
import { startBareRoutes } from '../bare-server.ts';
import type { Benchmark } from '../benchmark.ts';
import { compareHttp } from '../http-comparison.ts';
import { createMemories } from '../memory-generator.ts';
import type { Figure } from '../report.ts';
import { toRestMemory } from '../rest-memory.ts';

const target = { of: 'ratio', atLeast: 0.8 } as const;
const connectionCounts = [1, 32] as const;
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
      const requests = createMemories(bodies, connections).map(
        (op) => ({ method: 'POST', path: '/api/v1/memories', body: JSON.stringify(toRestMemory(op)) }) as const,
      );
      const comparison = { name: 'POST /memories', baselineName: 'bare INSERT', target, load: { connections, requests, token } };
      figures.push(...(await compareHttp(context, { ours, bare }, comparison)));
    }
    await bare.stop();
    await ours.stop();
    await bareStorage.drop();
    await storage.drop();
    return figures;
  },
};
