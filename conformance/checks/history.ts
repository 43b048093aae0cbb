/** Histories that nobody thought up: three devices at random, decided by the server and by the second opinion. */
import type { LogEvent } from '../../src/core/event.ts';
import type { RegisterName, Write } from '../../src/core/register.ts';
import { type Check, check } from '../check.ts';
import type { Device, SentOp } from '../device.ts';
import { CheckFailure, expectEqual, expectSome, expectThat } from '../expect.ts';
import { createMergeModel, type LoggedOp, type MergeModel } from '../second-opinion/merge.ts';
import { creation, newMemoryId, set } from '../writes.ts';

export const historyChecks: readonly Check[] = [20_250_101, 4_711].map((seed) =>
  check(`[MRG-7] [MRG-3] a random history is decided as the rules say (seed ${seed})`, async (kit) => {
    const user = await kit.user();
    const random = createRandom(seed);
    const devices = await Promise.all([1, 2, 3].map(() => kit.join(user)));
    const reader = await kit.join(user);
    const from = reader.cursor;
    const ids = Array.from({ length: 4 }, newMemoryId);
    for (let round = 0; round < 40; round++) {
      const device = random.pick(devices);
      if (random.chance(0.35)) await device.reach(await kit.head(user));
      const now = device.now();
      const hlc = { ms: now.ms + random.below(200) - 100, count: random.below(3) };
      await device.write({ memoryId: random.pick(ids), writes: randomWrites(random), hlc });
    }
    await reader.reach(await kit.head(user));
    expectDecisions(reader, devices, from, createMergeModel());
  }),
);

function expectDecisions(reader: Device, devices: readonly Device[], from: number, model: MergeModel): void {
  for (let seq = from + 1; seq <= reader.cursor; seq++) {
    const event = reader.event(seq);
    const op = expectSome('the op of an event', devices.find(({ id }) => id === event.device)?.sent.get(event.counter));
    const expected = model.decide(loggedOp(event, op));
    const fields = ({ register, winnerSeq, loserSeq }: (typeof event.conflicts)[number]) => ({ register, winnerSeq, loserSeq });
    const [under, others] = [event.conflicts.filter(isOfDeleted), event.conflicts.filter((conflict) => !isOfDeleted(conflict))];
    try {
      expectEqual('outcome', [event.outcome, event.code], [expected.outcome, expected.code]);
      expectEqual('lost', event.lost.toSorted(), expected.lost.toSorted());
      expectEqual('conflicts', others.map(fields), expected.conflicts);
      if (expected.underDelete !== null) expectEqual('conflicts of deleted', under.map(fields), [expected.underDelete]);
    } catch (error) {
      if (!(error instanceof CheckFailure)) throw error;
      throw new CheckFailure(`event ${seq - from} of the history, ${JSON.stringify(op.change.writes)}: ${error.message}`);
    }
  }
  for (const memory of reader.replica.all()) {
    if (memory.seq <= from) continue;
    for (const register of ['content', 'type', 'deleted'] as const) {
      const value = model.value(memory.id, register) ?? (register === 'deleted' ? false : undefined);
      expectThat(memory[register] === value, `${register} ${String(value)}`, memory);
    }
  }
}

const isOfDeleted = ({ register }: { readonly register: RegisterName }): boolean => register === 'deleted';

function loggedOp({ seq, device, hlc, memoryId }: LogEvent, { base, change }: SentOp): LoggedOp {
  return { seq, device, base, hlc, memoryId, writes: change.writes };
}

interface Random {
  below(limit: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** Few values and few registers, so that much of it meets. */
function randomWrites(random: Random): readonly Write[] {
  const value = `value ${random.below(4)}`;
  switch (random.below(8)) {
    case 0:
    case 1:
      return creation(value, set('tags/t', true));
    case 2:
    case 3:
      return [set('content', value)];
    case 4:
      return [set('content', value), set('type', random.pick(['task', 'meta', 'fact']))];
    case 5:
      return [set('tags/t', random.chance(0.5)), set('confidence', random.below(3) / 2)];
    case 6:
      return [set('deleted', true)];
    default:
      return [set('deleted', false), set('type', random.pick(['task', 'fact']))];
  }
}

/** Mulberry32: the same numbers from the same seed. */
function createRandom(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    below: (limit) => Math.floor(next() * limit),
    chance: (probability) => next() < probability,
    pick: (items) => expectSome('an item', items[Math.floor(next() * items.length)]),
  };
}
