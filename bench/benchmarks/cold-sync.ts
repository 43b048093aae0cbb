/** A new device receives everything: from its HELLO until the last memory is there. */
import { type BenchContext, type Benchmark, clientTargets, createFilledUser, withServers } from '../benchmark.ts';
import type { SyncUser } from '../contestant.ts';
import type { DeviceOptions } from '../device.ts';
import type { Figure } from '../report.ts';
import type { OurUser } from '../server-under-test.ts';
import { alternate, type Summary, summarize } from '../statistics.ts';

const fullSizes = [20_000, 100_000] as const;

/** The relay's device splits frames and counts; ours once does the same, and once takes every event apart. */
const ways: Readonly<Record<string, DeviceOptions>> = {
  decoded: { decode: true },
  counted: { decode: false },
  'deflate, decoded': { decode: true, deflate: true },
  'deflate, counted': { decode: false, deflate: true },
};

/** The real client, beside the bare frames that do as much of its work as they can. */
const clientWays: Readonly<Record<string, { readonly deflate: boolean; readonly besides: keyof typeof ways }>> = {
  client: { deflate: false, besides: 'decoded' },
  'deflate, client': { deflate: true, besides: 'deflate, decoded' },
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
    const relayUser = (await createFilledUser(relay, memories, memories)).user;
    const ourUser = ours === null ? null : (await createFilledUser(ours, memories, memories)).user;
    const measures = toMeasures(relayUser, ourUser, memories);
    // Once before the clock starts, for the compilers: with few rounds the first would count as much as the others.
    for (const measure of Object.values(measures)) await measure();
    const rates = await alternate(context.rounds, measures);
    return toFigures(new Map(Object.entries(rates).map(([name, rounds]) => [name, summarize(rounds)])), memories);
  });
}

function toMeasures(relay: SyncUser, ours: OurUser | null, memories: number): Record<string, () => Promise<number>> {
  const measures: Record<string, () => Promise<number>> = {};
  // The relay after each of ours, so that every figure has its neighbour in time.
  const add = (way: string, measure: (() => Promise<number>) | null): void => {
    if (measure !== null) measures[way] = measure;
    measures[`relay, ${way}`] = () => measureFrames(relay, memories, {});
  };
  if (ours === null) add('counted', null);
  else {
    for (const [way, options] of Object.entries(ways)) add(way, () => measureFrames(ours, memories, options));
    for (const [way, { deflate }] of Object.entries(clientWays)) add(way, () => measureClient(ours, memories, deflate));
  }
  return measures;
}

function toFigures(rates: ReadonlyMap<string, Summary>, memories: number): Figure[] {
  const figureOf = (way: string): Figure => ({
    name: `cold-sync ${memories}, ${way}`,
    unit: '/s',
    ours: rates.get(way) ?? null,
    baselineName: 'relay',
    baseline: rates.get(`relay, ${way}`) ?? null,
    target: null,
  });
  const byFrames = Object.keys(ways).map((way): Figure => {
    const target = way.startsWith('deflate') ? null : ({ of: 'ratio', atLeast: 1 } as const);
    return { ...figureOf(way), target };
  });
  const byClient = Object.entries(clientWays).flatMap(([way, { besides, deflate }]): Figure[] => {
    const target = deflate ? null : clientTargets.rate;
    return [{ ...figureOf(way), baselineName: besides, baseline: rates.get(besides) ?? null, target }, figureOf(way)];
  });
  return [...byFrames, ...byClient].filter(({ baseline }) => baseline !== null);
}

/** Memories per second. */
async function measureFrames(user: SyncUser, memories: number, options: DeviceOptions): Promise<number> {
  const device = await user.openDevice(options);
  const start = performance.now();
  await device.hello();
  await device.untilSeq(memories);
  const rate = (memories / (performance.now() - start)) * 1_000;
  if (device.received !== memories) throw new Error(`${device.received} of ${memories} memories came`);
  device.close();
  return rate;
}

/** Until they are rows of the replica, kept in its store, and the state hash is the server's. */
async function measureClient(user: OurUser, memories: number, deflate: boolean): Promise<number> {
  const { client, helloAt } = await user.openClient({ deflate });
  const start = await helloAt;
  await client.settled();
  const rate = (memories / (performance.now() - start)) * 1_000;
  if (client.count() !== memories) throw new Error(`${client.count()} of ${memories} memories are there`);
  await client.close();
  return rate;
}
