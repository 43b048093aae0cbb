/**
 * How far above idle the server's resident set grows in a cold sync of many memories. The process is new: one that has just taken in
 * 100,000 memories would have grown already, and the growth would be too small. Linux only.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchContext, type Benchmark, createFilledUser } from '../benchmark.ts';
import type { Contestant } from '../contestant.ts';
import type { Figure } from '../report.ts';
import { idleMegabytes, peakMegabytes } from '../resident-bytes.ts';
import { alternate, summarize } from '../statistics.ts';
import type { Storage } from '../storage.ts';

const fullMemories = 100_000;
const settleMs = 1_000;
const idleMs = 1_000;

export const peakRss: Benchmark = {
  name: 'peak-rss',
  run: async (context) => {
    if (process.platform !== 'linux') return [];
    const memories = context.sized(fullMemories);
    const relay = await createFilled(context, context.relay, memories);
    const ours = context.ours === null ? null : await createFilled(context, context.ours, memories);
    const growthOf = (filled: Filled, deflate: boolean) => () => measureGrowth(context, filled, memories, deflate);
    const growths = await alternate(context.rounds, {
      ...(ours === null ? {} : { plain: growthOf(ours, false), deflate: growthOf(ours, true) }),
      relay: growthOf(relay, false),
    });
    await relay.storage.drop();
    await ours?.storage.drop();
    return (ours === null ? ['plain'] : ['plain', 'deflate']).map(
      (way): Figure => ({
        name: `peak-rss cold-sync ${memories}, ${way}`,
        unit: 'MB',
        ours: growths[way] === undefined ? null : summarize(growths[way]),
        baselineName: 'relay',
        baseline: summarize(growths['relay'] ?? []),
        target: { of: 'ours', atMost: 60 },
      }),
    );
  },
};

interface Filled {
  readonly contestant: Contestant;
  readonly storage: Storage;
  readonly userName: string;
}

async function createFilled({ cleanup, newStorage }: BenchContext, contestant: Contestant, memories: number): Promise<Filled> {
  const storage = await newStorage();
  const server = await contestant.start(cleanup, storage.place);
  const { name } = await createFilledUser(server, memories, 3);
  await server.stop();
  return { contestant, storage, userName: name };
}

async function measureGrowth({ cleanup }: BenchContext, filled: Filled, memories: number, deflate: boolean): Promise<number> {
  const { contestant, storage, userName } = filled;
  const server = await contestant.start(cleanup, storage.place);
  const user = await server.signIn(userName);
  const device = await user.openDevice({ decode: false, deflate });
  await sleep(settleMs);
  const idle = await idleMegabytes(server.pid, idleMs);
  const peak = await peakMegabytes(server.pid, async () => {
    await device.hello();
    await device.untilSeq(memories);
  });
  device.close();
  await server.stop();
  return peak - idle;
}
