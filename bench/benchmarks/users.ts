/** Many users write at once, each with a few single-op frames outstanding; against bare INSERTs of the same event rows. */
import { randomUUID } from 'node:crypto';
import { type BenchContext, type Benchmark, openReadyDevice, withServers } from '../benchmark.ts';
import type { SyncServer } from '../contestant.ts';
import type { Device } from '../device.ts';
import { createMemories } from '../memory-generator.ts';
import type { Place } from '../place.ts';
import type { Figure } from '../report.ts';
import { runSingleRowInserts } from '../single-row-process.ts';
import { alternate, type Summary, summarize } from '../statistics.ts';

const users = 64;
const outstanding = 8;
const fullOpsPerUser = 400;
const poolSizes = [64, 1] as const;

export const manyUsers: Benchmark = {
  name: 'users',
  run: (context) =>
    withServers(context, async ({ ours, relay }) => {
      const opsPerUser = Math.max(outstanding, context.sized(fullOpsPerUser));
      const storage = await context.newStorage();
      const rates = await alternate(context.rounds, {
        ...(ours === null ? {} : { ours: (round: number) => measureManyWriters(ours, opsPerUser, round) }),
        relay: (round) => measureManyWriters(relay, opsPerUser, round),
        ...Object.fromEntries(
          poolSizes.map((connections) => [connections, insertRate(context, storage.place, connections, opsPerUser)]),
        ),
      });
      await storage.drop();
      return toFigures(new Map(Object.entries(rates).map(([name, results]) => [name, summarize(results)])), opsPerUser);
    }),
};

function insertRate({ cleanup }: BenchContext, place: Place, connections: number, opsPerUser: number): () => Promise<number> {
  return () => runSingleRowInserts(cleanup, place, { connections, users, rows: users * opsPerUser });
}

function toFigures(rates: ReadonlyMap<string, Summary>, opsPerUser: number): Figure[] {
  const median = (connections: number): number => rates.get(String(connections))?.median ?? 0;
  const better = poolSizes.toSorted((a, b) => median(b) - median(a))[0];
  const figure = { name: `users ${users} × ${outstanding}, ${users * opsPerUser}`, unit: '/s', ours: rates.get('ours') ?? null };
  return [
    ...poolSizes.map(
      (connections): Figure => ({
        ...figure,
        baselineName: `INSERT ×${connections}`,
        baseline: rates.get(String(connections)) ?? null,
        target: connections === better ? { of: 'ratio', atLeast: 1.5 } : null,
      }),
    ),
    { ...figure, baselineName: 'relay', baseline: rates.get('relay') ?? null, target: null },
  ];
}

/** Ops per second of all users together. */
export async function measureManyWriters(server: SyncServer, opsPerUser: number, seed: number): Promise<number> {
  const devices = await Promise.all(Array.from({ length: users }, () => openWriter(server)));
  const framesOf = devices.map((device, index) =>
    createMemories(opsPerUser, seed * users + index).map((op) => device.prepare([op])),
  );
  const start = performance.now();
  await Promise.all(devices.map((device, index) => write(device, framesOf[index] ?? [])));
  const rate = ((users * opsPerUser) / (performance.now() - start)) * 1_000;
  for (const device of devices) device.close();
  return rate;
}

/** One process plays all devices here, so they take no events apart: that would be measured as the server's time. */
async function openWriter(server: SyncServer): Promise<Device> {
  return openReadyDevice(await server.register(randomUUID()), { decode: false });
}

async function write(device: Device, frames: readonly Uint8Array[]): Promise<void> {
  for (const [index, frame] of frames.entries()) {
    if (index >= outstanding) await device.untilAcked(index - outstanding + 1);
    device.send(frame);
  }
  await device.untilAcked(frames.length);
}
