/** One device comes back with many offline ops: 1,000 a frame, all frames at once, until every op is acked. */
import { randomUUID } from 'node:crypto';
import { type Benchmark, compare, openReadyDevice, toSummaries, withServers } from '../benchmark.ts';
import type { SyncServer } from '../contestant.ts';
import { prepareAll } from '../device.ts';
import { createMemories } from '../memory-generator.ts';

const fullOps = 10_000;

export const push: Benchmark = {
  name: 'push',
  run: (context) =>
    withServers(context, async (servers) => {
      const ops = context.sized(fullOps);
      const rates = await compare(servers, context.rounds, (server, round) => measure(server, ops, round));
      return [
        {
          name: `push ${ops}`,
          unit: '/s',
          ...toSummaries(rates, (rate) => rate),
          baselineName: 'relay',
          target: { of: 'ratio', atLeast: 0.6 },
        },
      ];
    }),
};

/** Ops per second. */
async function measure(server: SyncServer, count: number, seed: number): Promise<number> {
  const user = await server.register(randomUUID());
  const device = await openReadyDevice(user);
  const frames = prepareAll(device, createMemories(count, seed));
  const start = performance.now();
  for (const frame of frames) device.send(frame);
  await device.untilAcked(count);
  const rate = (count / (performance.now() - start)) * 1_000;
  device.close();
  return rate;
}
