/** Device A writes, device B receives, the next: how long a write takes to reach another device, committed on the way. */
import { randomUUID } from 'node:crypto';
import { type Benchmark, compare, openReadyDevice, toSummaries, withServers } from '../benchmark.ts';
import type { SyncServer } from '../contestant.ts';
import { createMemories } from '../memory-generator.ts';
import { quantile } from '../statistics.ts';

const fullWrites = 2_000;
/** Before the clock starts: compilers and caches settle. */
const fullWarmUp = 400;

export const propagation: Benchmark = {
  name: 'propagation',
  run: (context) =>
    withServers(context, async (servers) => {
      const writes = context.sized(fullWrites);
      const warmUp = context.sized(fullWarmUp);
      const latencies = await compare(servers, context.rounds, (server, round) => measure(server, writes, warmUp, round));
      const figure = { unit: 'ms', baselineName: 'relay' };
      return [
        {
          ...figure,
          name: `propagation ${writes}, p50`,
          ...toSummaries(latencies, (round) => quantile(round, 0.5)),
          target: { of: 'ratio', atMost: 1.6 },
        },
        {
          ...figure,
          name: `propagation ${writes}, p95`,
          ...toSummaries(latencies, (round) => quantile(round, 0.95)),
          target: null,
        },
      ];
    }),
};

/** The latency of every write, in ms. */
async function measure(server: SyncServer, writes: number, warmUp: number, seed: number): Promise<number[]> {
  const user = await server.register(randomUUID());
  const a = await openReadyDevice(user);
  const b = await openReadyDevice(user);
  const latencies: number[] = [];
  for (const [index, op] of createMemories(warmUp + writes, seed).entries()) {
    const start = performance.now();
    a.send(a.prepare([op]));
    await b.untilSeq(index + 1);
    latencies.push(performance.now() - start);
  }
  a.close();
  b.close();
  return latencies.slice(warmUp);
}
