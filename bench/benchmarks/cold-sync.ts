/** A new device receives everything: from its HELLO until the last memory is there. */
import { type BenchContext, type Benchmark, createFilledUser, withServers } from '../benchmark.ts';
import type { SyncUser } from '../contestant.ts';
import type { DeviceOptions } from '../device.ts';
import type { Figure } from '../report.ts';
import { alternate, summarize } from '../statistics.ts';

const fullSizes = [20_000, 100_000] as const;

/** The relay's device splits frames and counts; ours once does the same, and once takes every event apart. */
const ways: Readonly<Record<string, DeviceOptions>> = {
  decoded: { decode: true },
  counted: { decode: false },
  'deflate, decoded': { decode: true, deflate: true },
  'deflate, counted': { decode: false, deflate: true },
};

export const coldSync: Benchmark = {
  name: 'cold-sync',
  run: async (context) => {
    const figures: Figure[] = [];
    for (const size of fullSizes) figures.push(...(await measureSize(context, context.sized(size))));
    return figures;
  },
};

function measureSize(context: BenchContext, memories: number): Promise<readonly Figure[]> {
  return withServers(context, async ({ ours, relay }) => {
    const seed = memories;
    const relayUser = (await createFilledUser(relay, memories, seed)).user;
    const ourUser = ours === null ? null : (await createFilledUser(ours, memories, seed)).user;
    const measures: Record<string, () => Promise<number>> = {};
    // The relay after each of ours, so that every figure has its neighbour in time.
    for (const [way, options] of Object.entries(ourUser === null ? { counted: {} } : ways)) {
      if (ourUser !== null) measures[`ours, ${way}`] = () => measure(ourUser, memories, options);
      measures[`relay, ${way}`] = () => measure(relayUser, memories, {});
    }
    const ratesByName = await alternate(context.rounds, measures);
    return Object.keys(ways).flatMap((way): Figure[] => {
      const baseline = ratesByName[`relay, ${way}`];
      const rates = ratesByName[`ours, ${way}`];
      if (baseline === undefined) return [];
      return [
        {
          name: `cold-sync ${memories}, ${way}`,
          unit: '/s',
          ours: rates === undefined ? null : summarize(rates),
          baselineName: 'relay',
          baseline: summarize(baseline),
          target: way.startsWith('deflate') ? null : { of: 'ratio', atLeast: 1 },
        },
      ];
    });
  });
}

/** Memories per second. */
async function measure(user: SyncUser, memories: number, options: DeviceOptions): Promise<number> {
  const device = await user.openDevice(options);
  const start = performance.now();
  await device.hello();
  await device.untilSeq(memories);
  const rate = (memories / (performance.now() - start)) * 1_000;
  if (device.received !== memories) throw new Error(`${device.received} of ${memories} memories came`);
  device.close();
  return rate;
}
