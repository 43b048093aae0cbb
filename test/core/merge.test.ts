/** Given what the log holds, when an op arrives, then this stands: the merge in sentences. Laws: merge-laws.test.ts. */
import { describe, expect, it } from 'vitest';
import { type DeviceId, idFromBytes } from '../../src/core/ids.ts';
import { memoryLimits } from '../../src/core/memory.ts';
import { fieldsOf, type MemoryState, type Merged, merge, type PlacedOp, type Rejected } from '../../src/core/merge.ts';
import { type RegisterName, type RegisterValue, tagRegister, type Write } from '../../src/core/register.ts';
import { memoryId } from './history.ts';

type Values = Readonly<Partial<Record<RegisterName, RegisterValue>>>;
type Arrival = readonly [device: 'phone' | 'laptop' | 'desk', base: number, ms: number, values: Values];

const deviceByName: Readonly<Record<Arrival[0], DeviceId>> = {
  phone: idFromBytes(new Uint8Array(16).fill(1)),
  laptop: idFromBytes(new Uint8Array(16).fill(2)),
  desk: idFromBytes(new Uint8Array(16).fill(3)),
};

const created: Arrival = ['phone', 0, 1_000, { content: 'tea', type: 'fact', scope: 'user_global' }];

const writesOf = (values: Values): Write[] =>
  Object.entries(values).map(([register, value]) => ({ register: register as RegisterName, value: value ?? null }));

function opOf([device, base, ms, values]: Arrival, seq: number): PlacedOp {
  const change = { writes: writesOf(values) };
  return { memoryId: memoryId(0), seq, device: deviceByName[device], base, hlc: { ms, count: 0 }, at: 1_000_000, change };
}

/** The merges of the arrivals as seq 1, 2, 3 … */
function arrive(...arrivals: readonly Arrival[]): (Merged | Rejected)[] {
  let state: MemoryState | null = null;
  return arrivals.map((arrival, index) => {
    const merged = merge(state, opOf(arrival, index + 1));
    if (merged.outcome !== 'rejected') state = merged.state;
    return merged;
  });
}

function lastOf(...arrivals: readonly Arrival[]): Merged {
  const last = arrive(...arrivals).at(-1);
  if (last === undefined || last.outcome === 'rejected') throw new Error(`rejected: ${last?.code}`);
  return last;
}

const tags = (names: readonly string[], value = true): Values =>
  Object.fromEntries(names.map((name) => [tagRegister(name), value]));
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `tag ${from + i}`);

describe('a memory is created', () => {
  it('[MRG-5] by an op that carries content, type and scope', () => {
    const first = lastOf(created);
    expect(first).toMatchObject({ outcome: 'applied', kind: 'create', lost: [], opened: [] });
    expect(fieldsOf(first.state)).toEqual({
      content: 'tea',
      type: 'fact',
      scope: 'user_global',
      confidence: null,
      source: null,
      tags: [],
      deleted: false,
    });
  });

  it.each([
    { content: 'tea', type: 'fact' },
    { content: 'tea', scope: 'site' },
    { type: 'fact', scope: 'site' },
    { deleted: false },
    {},
  ] as Values[])('[MRG-5] but not by %j: an unknown memory', (values) => {
    expect(arrive(['phone', 0, 1, values])).toEqual([{ outcome: 'rejected', code: 'unknown_memory' }]);
  });

  it('[MRG-5] at the time its device says, never after it was accepted nor before 1970', () => {
    const at = (createdAt: number) => merge(null, { ...opOf(created, 1), change: { ...opOf(created, 1).change, createdAt } });
    expect(at(500)).toMatchObject({ state: { createdAt: 500 } });
    expect(at(9e15)).toMatchObject({ state: { createdAt: 1_000_000 } });
    expect(at(-5)).toMatchObject({ state: { createdAt: 0 } });
  });

  it('[LOG-2] an op that writes nothing is rejected, as is one with a value out of bounds, and says which', () => {
    expect(arrive(created, ['phone', 1, 2, {}])[1]).toEqual({ outcome: 'rejected', code: 'empty_patch' });
    const [, rejected] = arrive(created, ['phone', 1, 2, { confidence: 2 }]);
    expect(rejected).toMatchObject({
      outcome: 'rejected',
      code: 'invalid_value',
      detail: expect.stringMatching(/^\/confidence /),
    });
  });
});

describe('a sequential op', () => {
  it('[MRG-1] wins, though its clock says 1970: it takes the stored stamp + 1', () => {
    const second = lastOf(created, ['laptop', 1, 0, { content: 'coffee' }]);
    expect(second).toMatchObject({ outcome: 'applied', lost: [], opened: [] });
    expect(second.state.cells.get('content')).toEqual({
      value: 'coffee',
      seq: 2,
      device: deviceByName.laptop,
      hlc: { ms: 1_000, count: 1 },
    });
    expect(second.state.updatedAt).toBe(1_000);
  });

  it('[MRG-1] is one that follows a write of its own device, pulled or not', () => {
    const third = lastOf(created, ['laptop', 1, 5_000, { content: 'coffee' }], ['laptop', 1, 4_000, { content: 'cocoa' }]);
    expect(third).toMatchObject({ outcome: 'applied', opened: [] });
    expect(fieldsOf(third.state).content).toBe('cocoa');
  });
});

describe('concurrent writes of one register', () => {
  it('[MRG-2] the later stamp wins when it arrives last', () => {
    const third = lastOf(created, ['phone', 1, 2_000, { content: 'black tea' }], ['laptop', 1, 3_000, { content: 'coffee' }]);
    expect(third.outcome).toBe('applied');
    expect(fieldsOf(third.state).content).toBe('coffee');
    expect(third.opened).toMatchObject([
      { register: 'content', winnerSeq: 3, loserSeq: 2, winnerValue: 'coffee', loserValue: 'black tea' },
    ]);
  });

  it('[MRG-2] the later stamp wins when it arrives first', () => {
    const third = lastOf(created, ['laptop', 1, 3_000, { content: 'coffee' }], ['phone', 1, 2_000, { content: 'black tea' }]);
    expect(third).toMatchObject({ outcome: 'superseded', lost: ['content'] });
    expect(fieldsOf(third.state).content).toBe('coffee');
    expect(third.opened).toMatchObject([
      { register: 'content', winnerSeq: 2, loserSeq: 3, winnerValue: 'coffee', loserValue: 'black tea' },
    ]);
  });

  it('[MRG-2] the greater device id decides between equal stamps', () => {
    expect(
      fieldsOf(lastOf(created, ['laptop', 1, 2_000, { content: 'L' }], ['desk', 1, 2_000, { content: 'D' }]).state).content,
    ).toBe('D');
    expect(
      fieldsOf(lastOf(created, ['desk', 1, 2_000, { content: 'D' }], ['laptop', 1, 2_000, { content: 'L' }]).state).content,
    ).toBe('D');
  });

  it('[MRG-3] are decided register by register', () => {
    const third = lastOf(
      created,
      ['laptop', 1, 3_000, { content: 'coffee', confidence: 0.9 }],
      ['desk', 1, 2_000, { content: 'cocoa', type: 'preference' }],
    );
    expect(third).toMatchObject({ outcome: 'superseded', lost: ['content'] });
    expect(fieldsOf(third.state)).toMatchObject({ content: 'coffee', confidence: 0.9, type: 'preference' });
  });

  it('[MRG-3] with an equal value are no conflict, in either order', () => {
    const source = { url: 'https://example.org', title: 'T' };
    for (const ms of [2_000, 4_000]) {
      const again = { title: 'T', url: 'https://example.org' };
      const third = lastOf(
        created,
        ['laptop', 1, 3_000, { content: 'coffee', source }],
        ['desk', 1, ms, { content: 'coffee', source: again }],
      );
      expect(third).toMatchObject({ outcome: 'applied', lost: [], opened: [] });
    }
  });
});

describe('an open conflict', () => {
  const conflict: Arrival[] = [created, ['laptop', 1, 3_000, { content: 'coffee' }], ['desk', 1, 2_000, { content: 'cocoa' }]];

  it.each([
    ['cocoa', 'loser'],
    ['coffee', 'winner'],
    ['water', 'overwritten'],
  ] as const)('[MRG-8] is closed by writing %j in knowledge of it: %s', (content, resolution) => {
    const fourth = lastOf(...conflict, ['phone', 3, 5_000, { content }]);
    expect(fourth.closed).toMatchObject([{ conflict: { register: 'content', loserSeq: 3 }, resolution }]);
    expect(fourth.state.conflicts).toEqual([]);
    expect(fieldsOf(fourth.state).content).toBe(content);
  });

  it('[MRG-3] goes on against the new winner when that did not know of it', () => {
    const fourth = lastOf(...conflict, ['phone', 2, 5_000, { content: 'water' }]);
    expect(fourth.closed).toEqual([]);
    expect(fourth.moved).toMatchObject([{ winnerSeq: 4, loserSeq: 3, winnerValue: 'water', loserValue: 'cocoa' }]);
    expect(fourth.state.conflicts).toEqual(fourth.moved);
  });

  it('[MRG-3] ends when the new winner, though it did not know of it, writes the lost value: equal values are no conflict', () => {
    const fourth = lastOf(...conflict, ['phone', 2, 5_000, { content: 'cocoa' }]);
    expect(fourth.closed).toMatchObject([{ conflict: { loserSeq: 3 }, resolution: 'loser' }]);
    expect(fourth.state.conflicts).toEqual([]);
  });

  it('[MRG-3] is left alone by writes of other registers and by writes that lose', () => {
    const fifth = lastOf(...conflict, ['phone', 3, 5_000, { type: 'task' }], ['phone', 1, 1_500, { content: 'water' }]);
    expect(fifth.state.conflicts).toMatchObject([
      { winnerSeq: 2, loserSeq: 3 },
      { winnerSeq: 2, loserSeq: 5 },
    ]);
  });
});

describe('deleting', () => {
  it('[MRG-5] hides a memory that is edited at the same time; the edit waits underneath', () => {
    const third = lastOf(created, ['laptop', 1, 2_000, { deleted: true }], ['desk', 1, 9_000, { content: 'coffee' }]);
    expect(third).toMatchObject({ outcome: 'applied', kind: 'update', lost: [] });
    expect(fieldsOf(third.state)).toMatchObject({ deleted: true, content: 'coffee' });
    expect(third.opened).toMatchObject([
      { register: 'deleted', winnerSeq: 2, loserSeq: 3, winnerValue: true, loserValue: false },
    ]);
  });

  it('[MRG-5] does the same when the edit came first', () => {
    const third = lastOf(created, ['desk', 1, 9_000, { content: 'coffee' }], ['laptop', 1, 2_000, { deleted: true }]);
    expect(third).toMatchObject({ outcome: 'applied', kind: 'delete', lost: [] });
    expect(fieldsOf(third.state)).toMatchObject({ deleted: true, content: 'coffee' });
    expect(third.opened).toMatchObject([
      { register: 'deleted', winnerSeq: 3, loserSeq: 2, winnerValue: true, loserValue: false },
    ]);
  });

  it('[MRG-5] beats a concurrent restore, whatever the stamps and the order', () => {
    const first: Arrival[] = [created, ['phone', 1, 1_500, { deleted: true }]];
    const restore: Arrival = ['laptop', 2, 9_000, { deleted: false }];
    const again: Arrival = ['desk', 2, 2_000, { deleted: true }];
    expect(fieldsOf(lastOf(...first, restore, again).state).deleted).toBe(true);
    expect(fieldsOf(lastOf(...first, again, restore).state).deleted).toBe(true);
  });

  it('[MRG-5] is no conflict with an edit that the deleting device had seen', () => {
    const third = lastOf(created, ['desk', 1, 2_000, { content: 'coffee' }], ['laptop', 2, 3_000, { deleted: true }]);
    expect(third.opened).toEqual([]);
  });

  it('[MRG-5] an edit of a deleted memory does not revive it', () => {
    const third = lastOf(created, ['laptop', 1, 2_000, { deleted: true }], ['desk', 2, 3_000, { content: 'coffee' }]);
    expect(fieldsOf(third.state)).toMatchObject({ deleted: true, content: 'coffee' });
    expect(third.opened).toEqual([]);
  });

  it('[MRG-5] is taken back by writing `deleted`, which also settles the conflict with the edit', () => {
    const fourth = lastOf(
      created,
      ['laptop', 1, 2_000, { deleted: true }],
      ['desk', 1, 3_000, { content: 'coffee' }],
      ['phone', 3, 4_000, { deleted: false }],
    );
    expect(fourth).toMatchObject({
      kind: 'restore',
      closed: [{ conflict: { register: 'deleted', loserSeq: 3 }, resolution: 'loser' }],
    });
    expect(fieldsOf(fourth.state)).toMatchObject({ deleted: false, content: 'coffee' });
    expect(fourth.state.conflicts).toEqual([]);
  });

  it('[MRG-3] names an edit once, though it is hidden by one delete, shown again, and hidden by another', () => {
    const arrivals: Arrival[] = [
      created,
      ['laptop', 1, 2_000, { deleted: true }],
      ['desk', 1, 3_000, { content: 'coffee' }],
      ['phone', 3, 4_000, { deleted: false }],
      ['laptop', 2, 5_000, { deleted: true }],
    ];
    const opened = arrive(...arrivals).flatMap((merged) => (merged.outcome === 'rejected' ? [] : merged.opened));
    const named = opened.map(({ register, loserSeq }) => `${register} ${loserSeq}`);
    expect(named).toEqual([...new Set(named)]);
    expect(lastOf(...arrivals).state.conflicts).toMatchObject([{ register: 'deleted', winnerSeq: 5, loserValue: false }]);
  });

  it('[MRG-5] names both the restore and the later edit that it hides', () => {
    const fifth = lastOf(
      created,
      ['laptop', 1, 2_000, { deleted: true }],
      ['phone', 2, 3_000, { deleted: false }],
      ['desk', 3, 4_000, { content: 'coffee' }],
      ['laptop', 2, 5_000, { deleted: true }],
    );
    expect(fifth.opened).toMatchObject([
      { register: 'deleted', winnerSeq: 5, loserSeq: 3 },
      { register: 'deleted', winnerSeq: 5, loserSeq: 4 },
    ]);
  });

  it('[MRG-5] keeps an edit that the device did not know when it restored and deleted again', () => {
    const fifth = lastOf(
      created,
      ['laptop', 1, 2_000, { deleted: true }],
      ['desk', 1, 3_000, { content: 'coffee' }],
      ['laptop', 2, 4_000, { deleted: false }],
      ['laptop', 2, 5_000, { deleted: true }],
    );
    expect(fieldsOf(fifth.state).deleted).toBe(true);
    expect(fifth.state.conflicts).toMatchObject([{ register: 'deleted', winnerSeq: 5, winnerValue: true, loserValue: false }]);
  });
});

describe('erasing', () => {
  const erase = (state: MemoryState | null, seq: number) =>
    merge(state, { ...opOf(['phone', seq - 1, 9_000, {}], seq), erase: true });

  it('[LOG-3] leaves nothing of content and conflicts', () => {
    const third = lastOf(created, ['laptop', 1, 3_000, { content: 'coffee' }], ['desk', 1, 2_000, { content: 'cocoa' }]);
    const erased = erase(third.state, 4);
    if (erased.outcome === 'rejected') throw new Error(erased.code);
    expect(erased).toMatchObject({
      outcome: 'applied',
      kind: 'erase',
      closed: [{ resolution: 'erased' }],
      state: { erased: true, conflicts: [] },
    });
    expect([...erased.state.cells.keys()]).toEqual(['deleted']);
    expect(fieldsOf(erased.state)).toMatchObject({ content: '', deleted: true, tags: [] });
  });

  it('[MRG-5] is final: whatever comes later is rejected', () => {
    const erased = erase(lastOf(created).state, 2);
    if (erased.outcome === 'rejected') throw new Error(erased.code);
    expect(merge(erased.state, opOf(created, 3))).toEqual({ outcome: 'rejected', code: 'erased_memory' });
    expect(merge(erased.state, opOf(['phone', 2, 1, { deleted: false }], 3))).toEqual({
      outcome: 'rejected',
      code: 'erased_memory',
    });
    expect(erase(erased.state, 3)).toEqual({ outcome: 'rejected', code: 'erased_memory' });
  });

  it('[MRG-5] an unknown memory is not possible', () => {
    expect(erase(null, 1)).toEqual({ outcome: 'rejected', code: 'unknown_memory' });
  });
});

describe('tags', () => {
  it('[MRG-3] of two devices that add different ones are both there', () => {
    const third = lastOf(created, ['laptop', 1, 2_000, tags(['ui'])], ['desk', 1, 2_000, tags(['work'])]);
    expect(fieldsOf(third.state).tags).toEqual(['ui', 'work']);
    expect(third.opened).toEqual([]);
  });

  it('[MRG-3] one device adds what another does not know while it removes another tag', () => {
    const third = lastOf(
      [...created.slice(0, 3), { ...created[3], ...tags(['old']) }] as unknown as Arrival,
      ['laptop', 1, 2_000, tags(['new'])],
      ['desk', 1, 2_000, tags(['old'], false)],
    );
    expect(fieldsOf(third.state).tags).toEqual(['new']);
    expect(third.opened).toEqual([]);
  });

  it('[MRG-3] the same one added and removed at once: the later wins, the other is a conflict', () => {
    const third = lastOf(created, ['laptop', 1, 3_000, tags(['ui'])], ['desk', 1, 2_000, tags(['ui'], false)]);
    expect(fieldsOf(third.state).tags).toEqual(['ui']);
    expect(third.opened).toMatchObject([{ register: 'tags/ui', winnerValue: true, loserValue: false }]);
  });

  it('[SEC-3] are at most 64 at a time; removing one makes room', () => {
    const full: Arrival = ['laptop', 1, 2_000, tags(numbered(memoryLimits.tags))];
    expect(arrive(created, full, ['laptop', 2, 3_000, tags(['one more'])])[2]).toEqual({
      outcome: 'rejected',
      code: 'too_many_tags',
    });
    expect(lastOf(created, full, ['laptop', 2, 3_000, { ...tags(['one more']), ...tags(['tag 0'], false) }]).outcome).toBe(
      'applied',
    );
  });

  it('[SEC-3] are at most 64, also when several devices add theirs at the same time', () => {
    const arrivals: Arrival[] = [created, ['laptop', 1, 2_000, tags(numbered(40))], ['desk', 1, 2_000, tags(numbered(40, 40))]];
    expect(arrive(...arrivals)[2]).toEqual({ outcome: 'rejected', code: 'too_many_tags' });
  });

  it.each([true, false])('[SEC-3] are remembered when removed, at most 1,024 of them (written: %j)', (value) => {
    let state: MemoryState | null = lastOf(created).state;
    let seq = 1;
    const write = (values: Values) => merge(state, opOf(['laptop', seq, 2_000, values], ++seq));
    for (let from = 0; from < memoryLimits.tagRegisters; from += memoryLimits.tags) {
      const added = write(tags(numbered(memoryLimits.tags, from), value));
      if (added.outcome === 'rejected') throw new Error(added.code);
      state = added.state;
      const removed = write(tags(numbered(memoryLimits.tags, from), false));
      if (removed.outcome === 'rejected') throw new Error(removed.code);
      state = removed.state;
    }
    expect(write(tags(['one more'], value))).toEqual({ outcome: 'rejected', code: 'too_many_tags' });
    expect(write(tags(['tag 7'], value))).toMatchObject({ outcome: 'applied' });
    expect(write({ content: 'coffee' })).toMatchObject({ outcome: 'applied' });
  });
});
