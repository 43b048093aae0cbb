/** Device A writes, device B receives, the next: how long a write takes to reach another device, committed on the way. */
import { randomUUID } from 'node:crypto';
import { type Benchmark, clientTargets, compare, openReadyDevice, toFigures, withServers } from '../benchmark.ts';
import { toNewMemory } from '../client-device.ts';
import type { SyncServer } from '../contestant.ts';
import { createMemories } from '../memory-generator.ts';
import type { OurServer } from '../server-under-test.ts';
import { quantile } from '../statistics.ts';

const fullWrites = 2_000;
/** Before the clock starts: compilers and caches settle. */
const fullWarmUp = 400;

interface Size {
  readonly writes: number;
  readonly warmUp: number;
}

export const propagation: Benchmark = {
  name: 'propagation',
  run: (context) =>
    withServers(context, async (servers) => {
      const size: Size = { writes: context.sized(fullWrites), warmUp: context.sized(fullWarmUp) };
      const latencies = await compare(servers, context.rounds, {
        frames: (server, round) => measureFrames(server, size, round),
        client: (server, round) => measureClients(server, size, round),
      });
      const name = `propagation ${size.writes}`;
      const p50 = (round: readonly number[]): number => quantile(round, 0.5);
      const p95 = (round: readonly number[]): number => quantile(round, 0.95);
      const { latency: clientTarget } = clientTargets;
      return [
        ...toFigures(latencies, {
          name: `${name}, p50`,
          unit: 'ms',
          value: p50,
          target: { of: 'ratio', atMost: 1.6 },
          clientTarget,
        }),
        ...toFigures(latencies, { name: `${name}, p95`, unit: 'ms', value: p95, target: null, clientTarget: null }),
      ];
    }),
};

/** The latency of every write, in ms. */
async function measureFrames(server: SyncServer, { writes, warmUp }: Size, seed: number): Promise<number[]> {
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

/** The same from `create` on A until B shows the memory. */
async function measureClients(server: OurServer, { writes, warmUp }: Size, seed: number): Promise<number[]> {
  const user = await server.register(randomUUID());
  const [a, b] = [await user.openClient(), await user.openClient()];
  await Promise.all([a.client.settled(), b.client.settled()]);
  const latencies: number[] = [];
  for (const op of createMemories(warmUp + writes, seed)) {
    const memory = toNewMemory(op);
    const arrived = b.untilHas(op.memoryId);
    const start = performance.now();
    await Promise.all([a.client.create(memory), arrived]);
    latencies.push(performance.now() - start);
  }
  await Promise.all([a.client.close(), b.client.close()]);
  return latencies.slice(warmUp);
}
