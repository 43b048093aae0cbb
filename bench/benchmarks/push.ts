/** One device comes back with many offline ops: 1,000 a frame, all frames at once, until every op is acked. */
import { randomUUID } from 'node:crypto';
import { type Benchmark, clientTargets, compare, openReadyDevice, toFigures, withServers } from '../benchmark.ts';
import { toNewMemory } from '../client-device.ts';
import type { SyncServer } from '../contestant.ts';
import { prepareAll } from '../device.ts';
import { createMemories } from '../memory-generator.ts';
import type { OurServer } from '../server-under-test.ts';

const fullOps = 10_000;

export const push: Benchmark = {
  name: 'push',
  run: (context) =>
    withServers(context, async (servers) => {
      const ops = context.sized(fullOps);
      const rates = await compare(servers, context.rounds, {
        frames: (server, round) => measureFrames(server, ops, round),
        client: (server, round) => measureClient(server, ops, round),
      });
      return toFigures(rates, {
        name: `push ${ops}`,
        unit: '/s',
        value: (rate) => rate,
        target: { of: 'ratio', atLeast: 0.6 },
        clientTarget: clientTargets.rate,
      });
    }),
};

/** Ops per second. */
async function measureFrames(server: SyncServer, count: number, seed: number): Promise<number> {
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

/** The ops were written without a network; from HELLO until the outbox is empty, and the rows are those of the server. */
async function measureClient(server: OurServer, count: number, seed: number): Promise<number> {
  const user = await server.register(randomUUID());
  const device = await user.openClient({ isOffline: true });
  for (const op of createMemories(count, seed)) await device.client.create(toNewMemory(op));
  device.goOnline();
  const start = await device.helloAt;
  await device.client.settled();
  const rate = (count / (performance.now() - start)) * 1_000;
  if (device.client.count() !== count) throw new Error(`${device.client.count()} of ${count} memories are there`);
  await device.client.close();
  return rate;
}
