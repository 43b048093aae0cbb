/** The laws of the merge, on random histories of devices that write, push and pull as they please (history.ts). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareHlc } from '../../src/core/clock.ts';
import { fieldsOf, isSequential, type MemoryState, merge, type OpenConflict, type PlacedOp } from '../../src/core/merge.ts';
import { emptyValue, type RegisterName, tagRegister, valuesEqual, type Write } from '../../src/core/register.ts';
import { hasSeen } from '../../src/core/vector-clock.ts';
import { changeArb, historyArb, hlcArb, weirdTagArb, weirdValueArb, writeArb } from '../support/arbitraries.ts';
import { deviceId, finalState, memoryId, type PlayedOp, playHistory } from './history.ts';

const memories = [memoryId(0), memoryId(1)];
const keyOf = ({ register, loserSeq }: OpenConflict) => `${register} ${loserSeq}`;
const opsOf = (log: readonly PlayedOp[], id = memories[0]) => log.filter(({ op }) => op.memoryId === id);
const writeTo = ({ op }: PlayedOp, register: RegisterName) => op.change.writes.find((write) => write.register === register);

describe('sequential or concurrent', () => {
  it('[MRG-1] one integer comparison is the vector-clock test', () => {
    fc.assert(
      fc.property(historyArb, (steps) => {
        const log = playHistory(steps);
        for (const { op, clock, before } of log) {
          const cells = [...(before?.cells.values() ?? [])];
          const writers = cells.map((cell) => log[cell.seq - 1] as PlayedOp);
          expect(cells.map((cell) => cell.device)).toEqual(writers.map((writer) => writer.op.device));
          expect(cells.map((cell) => isSequential(cell, op))).toEqual(writers.map((writer) => hasSeen(clock, writer)));
        }
      }),
      { numRuns: 100 },
    );
  });

  it('[MRG-1] a sequential write wins, with a stamp after the one it overwrites', () => {
    fc.assert(
      fc.property(historyArb, (steps) => {
        for (const { op, before, merged } of playHistory(steps)) {
          for (const { register, value } of op.change.writes) {
            const cell = before?.cells.get(register);
            if (!isSequential(cell, op)) continue;
            expect(merged.lost).not.toContain(register);
            const next = merged.state.cells.get(register);
            expect(next).toMatchObject({ value, seq: op.seq, device: op.device });
            if (next !== undefined && cell !== undefined) expect(compareHlc(next.hlc, cell.hlc)).toBeGreaterThan(0);
          }
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('any order', () => {
  /**
   * Ops of devices that have all seen seq 1 and nothing of each other. Their stamps are greater than the one they saw, as
   * those of a working clock are; otherwise the first to arrive would be raised above it (MRG-1) and the order would matter.
   */
  const writesArb = fc.uniqueArray(
    fc.oneof(
      fc.record({ register: fc.constantFrom<RegisterName>('content'), value: fc.constantFrom('a', 'b', 'c') }),
      fc.record({ register: fc.constantFrom<RegisterName>('deleted', 'tags/ui', 'tags/work'), value: fc.boolean() }),
    ),
    { selector: (write: Write) => write.register, minLength: 1 },
  );
  const opsArb = fc.array(fc.record({ writes: writesArb, ms: fc.integer({ min: 10, max: 13 }) }), { minLength: 2, maxLength: 5 });
  const orderedArb = opsArb.chain((ops) => {
    const placed = ops.map(({ writes, ms }, index) => ({ device: deviceId(index), hlc: { ms, count: 0 }, change: { writes } }));
    return fc.tuple(fc.constant(placed), fc.shuffledSubarray(placed, { minLength: placed.length }));
  });

  const created: Write[] = [
    { register: 'content', value: 'first' },
    { register: 'type', value: 'fact' },
    { register: 'scope', value: 'site' },
  ];

  function mergeAll(ops: readonly Pick<PlacedOp, 'device' | 'hlc' | 'change'>[], deleted: boolean): MemoryState {
    const first = {
      device: deviceId(9),
      hlc: { ms: 5, count: 0 },
      change: { writes: [...created, { register: 'deleted', value: deleted } as const] },
    };
    let state: MemoryState | null = null;
    for (const [index, op] of [first, ...ops].entries()) {
      const merged = merge(state, { ...op, memoryId: memoryId(0), seq: index + 1, base: Math.min(index, 1), at: 100 });
      if (merged.outcome === 'rejected') throw new Error(merged.code);
      state = merged.state;
    }
    if (state === null) throw new Error('nothing was merged');
    return state;
  }

  it('[MRG-2] of concurrent ops gives the same winner of every register', () => {
    fc.assert(
      fc.property(orderedArb, fc.boolean(), ([ops, shuffled], deleted) => {
        const winners = (state: MemoryState) =>
          new Map([...state.cells].map(([register, { seq: _, ...cell }]) => [register, cell]));
        expect(winners(mergeAll(shuffled, deleted))).toEqual(winners(mergeAll(ops, deleted)));
      }),
      { numRuns: 200 },
    );
  });

  it('[MRG-5] of concurrent ops ends deleted if one of them deletes', () => {
    fc.assert(
      fc.property(orderedArb, fc.boolean(), ([, shuffled], deleted) => {
        const written = shuffled.flatMap(({ change }) => change.writes.filter(({ register }) => register === 'deleted'));
        const expected = written.length === 0 ? deleted : written.some(({ value }) => value === true);
        expect(fieldsOf(mergeAll(shuffled, deleted)).deleted).toBe(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('[MRG-3] of concurrent ops keeps the same set of values, as winner or as conflict', () => {
    fc.assert(
      fc.property(orderedArb, ([ops, shuffled]) => {
        const values = (state: MemoryState) =>
          new Set([
            `content ${state.cells.get('content')?.value}`,
            ...state.conflicts.filter(({ register }) => register === 'content').map(({ loserValue }) => `content ${loserValue}`),
          ]);
        expect(values(mergeAll(shuffled, false))).toEqual(values(mergeAll(ops, false)));
      }),
      { numRuns: 200 },
    );
  });

  it('[MRG-3] never loses a tag that one device added and no other touched', () => {
    fc.assert(
      fc.property(orderedArb, ([, shuffled]) => {
        const tagsOf = shuffled.map((op, index) => ({
          ...op,
          change: { writes: [...op.change.writes, { register: tagRegister(`own ${index}`), value: true }] },
        }));
        expect(fieldsOf(mergeAll(tagsOf, false)).tags).toEqual(
          expect.arrayContaining(shuffled.map((_, index) => `own ${index}`)),
        );
      }),
    );
  });
});

describe('nothing is lost', () => {
  it('[MRG-3] a value is final, knowingly overwritten, written again by another, or in a conflict', () => {
    fc.assert(
      fc.property(historyArb, (steps) => {
        const log = playHistory(steps);
        for (const id of memories) {
          const ops = opsOf(log, id);
          const inConflict = new Set(ops.flatMap(({ merged }) => merged.opened.map(keyOf)));
          const registers = new Set(ops.flatMap(({ op }) => op.change.writes.map((write) => write.register)));
          for (const register of registers) expect(lostWithoutTrace(ops, register, inConflict, finalState(log, id))).toEqual([]);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('[MRG-3] a conflict has one identity for ever, and is open until an op closes it', () => {
    fc.assert(
      fc.property(historyArb, (steps) => {
        const log = playHistory(steps);
        for (const id of memories) {
          const ops = opsOf(log, id);
          const opened = ops.flatMap(({ merged }) => merged.opened.map(keyOf));
          expect(opened).toEqual([...new Set(opened)]);
          for (const { before, merged } of ops) {
            const changed = [...merged.moved, ...merged.closed.map(({ conflict }) => conflict)].map(keyOf);
            const untouched = (before?.conflicts ?? []).map(keyOf).filter((key) => !changed.includes(key));
            const open = [...untouched, ...merged.moved.map(keyOf), ...merged.opened.map(keyOf)];
            expect(merged.state.conflicts.map(keyOf).sort()).toEqual(open.sort());
            expect((before?.conflicts ?? []).map(keyOf)).toEqual(expect.arrayContaining(changed));
          }
        }
      }),
      { numRuns: 250 },
    );
  });

  it('[MRG-3] an open conflict names the value that stands, and another one that lost', () => {
    fc.assert(
      fc.property(historyArb, (steps) => {
        for (const { merged } of playHistory(steps)) {
          for (const conflict of merged.state.conflicts) {
            const cell = merged.state.cells.get(conflict.register);
            expect(conflict).toMatchObject({ winnerSeq: cell?.seq, winnerDevice: cell?.device, winnerValue: cell?.value });
            expect(valuesEqual(conflict.winnerValue, conflict.loserValue)).toBe(false);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('[MRG-3] a conflict is closed only by a write that knew of both sides, or that wrote the lost value', () => {
    fc.assert(
      fc.property(historyArb, (steps) => {
        const log = playHistory(steps);
        for (const played of log) {
          for (const { conflict, resolution } of played.merged.closed) {
            const value = writeTo(played, conflict.register)?.value ?? null;
            const knew = [conflict.loserSeq, conflict.winnerSeq].every((seq) => hasSeen(played.clock, log[seq - 1] as PlayedOp));
            expect(knew || valuesEqual(value, conflict.loserValue)).toBe(true);
            const expected = [conflict.loserValue, conflict.winnerValue].findIndex((side) => valuesEqual(side, value));
            expect(resolution).toBe(['loser', 'winner'][expected] ?? 'overwritten');
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('[MRG-5] an edit that a delete hides, neither knowing of the other, leaves a conflict of `deleted`', () => {
    fc.assert(
      fc.property(historyArb, (steps) => {
        const log = playHistory(steps);
        for (const played of log) {
          const hidden = played.merged.state.cells.get('deleted');
          if (hidden?.value !== true || !isHiddenEdit(log, played)) continue;
          expect(played.merged.state.conflicts).toContainEqual(
            expect.objectContaining({ register: 'deleted', loserValue: false }),
          );
        }
      }),
      { numRuns: 250 },
    );
  });

  it('[MRG-5] only a write of `deleted` shows or hides a memory', () => {
    fc.assert(
      fc.property(historyArb, (steps) => {
        for (const played of playHistory(steps)) {
          const { before, merged } = played;
          if (before === null || writeTo(played, 'deleted') !== undefined) continue;
          expect(fieldsOf(merged.state).deleted).toBe(fieldsOf(before).deleted);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('[MRG-3] an op is superseded if a register of it lost, and what did not lose stands', () => {
    fc.assert(
      fc.property(historyArb, (steps) => {
        for (const { op, merged } of playHistory(steps)) {
          expect(merged.outcome).toBe(merged.lost.length > 0 ? 'superseded' : 'applied');
          for (const { register, value } of op.change.writes) {
            const stands = valuesEqual(merged.state.cells.get(register)?.value ?? emptyValue(register), value);
            expect(stands).toBe(!merged.lost.includes(register));
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('a pure function', () => {
  it('[MRG-7] gives the same answer to the same input, and leaves the input as it was', () => {
    fc.assert(
      fc.property(historyArb, (steps) => {
        for (const { op, before, merged } of playHistory(steps)) {
          const copies = structuredClone({ op, before });
          expect(merge(deepFreeze(before), deepFreeze(op))).toEqual(merged);
          expect({ op, before }).toEqual(copies);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('[MRG-7] takes any valid change of a memory that is there', () => {
    fc.assert(
      fc.property(changeArb, hlcArb, (change, hlc) => {
        const [first] = playHistory([]);
        const op = { memoryId: memoryId(0), seq: 3, device: deviceId(0), base: 2, hlc, at: 100, change };
        const merged = merge(first?.merged.state ?? null, op);
        expect(merged).toMatchObject(
          change.writes.length === 0 ? { outcome: 'rejected', code: 'empty_patch' } : { outcome: 'applied' },
        );
      }),
      { numRuns: 200 },
    );
  });

  it('[MRG-7] [SEC-2] never throws, whatever the values: it rejects with a code', () => {
    const fieldArb = fc.constantFrom<RegisterName>('content', 'type', 'scope', 'confidence', 'source', 'deleted', 'tags/ui');
    const weirdWriteArb = fc.oneof(
      fc.record({ register: fieldArb, value: weirdValueArb }),
      fc.record({ register: weirdTagArb.map(tagRegister), value: fc.boolean() }),
    );
    const [first] = playHistory([]);
    fc.assert(
      fc.property(
        fc.array(writeArb, { maxLength: 2 }),
        fc.array(weirdWriteArb, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        (good, bad, known) => {
          const op = { memoryId: memoryId(0), seq: 3, device: deviceId(0), base: 2, hlc: { ms: 9, count: 0 }, at: 100 };
          const merged = merge(known ? (first?.merged.state ?? null) : null, { ...op, change: { writes: [...good, ...bad] } });
          if (merged.outcome === 'rejected') expect(['invalid_value', 'unknown_memory']).toContain(merged.code);
          else for (const [register, cell] of merged.state.cells) expect(isPlausible(register, cell.value)).toBe(true);
        },
      ),
      { numRuns: 200 },
    );
  });

  for (const [register, value] of [
    ['content', Number.NaN],
    ['content', ''],
    ['content', 'a\0b'],
    ['content', 'half \ud83e'],
    ['content', 'x'.repeat(10_001)],
    ['content', 'x'.repeat(1_048_576)],
    ['content', null],
    ['type', 'Fact'],
    ['type', 5],
    ['scope', null],
    ['confidence', Number.NaN],
    ['confidence', Number.POSITIVE_INFINITY],
    ['confidence', 1.000_000_1],
    ['confidence', -0.1],
    ['confidence', '0.5'],
    ['source', 'https://example.org'],
    ['source', { url: 'x'.repeat(2_049) }],
    ['source', { timestamp: '2026-13-01T00:00:00Z' }],
    ['source', { unknown: 'x' }],
    ['source', JSON.parse('{"__proto__": {"url": "x"}}')],
    ['deleted', null],
    ['deleted', 1],
    ['tags/ui', 'yes'],
    ['tags/', true],
    ['tags/__proto__', true],
    ['tags/\0', true],
    ['tags/\ud800', false],
    [`tags/${'x'.repeat(65)}`, true],
    ['source', new Uint8Array()],
  ] as const) {
    it(`[SEC-2] ${show(register)} = ${show(value)} is rejected as invalid`, () => {
      const [first] = playHistory([]);
      const op = { memoryId: memoryId(0), seq: 3, device: deviceId(0), base: 2, hlc: { ms: 9, count: 0 }, at: 100 };
      expect(merge(first?.merged.state ?? null, { ...op, change: { writes: [{ register, value }] } })).toMatchObject({
        outcome: 'rejected',
        code: 'invalid_value',
      });
    });
  }

  for (const [register, value] of [
    ['content', 'x'.repeat(10_000)],
    ['content', '🧠'.repeat(10_000)],
    ['confidence', 0],
    ['confidence', 1],
    ['confidence', null],
    ['source', {}],
    ['source', { timestamp: '2026-01-01T00:00:00+02:00' }],
    [`tags/${'🧠'.repeat(64)}`, true],
    ['tags/constructor', true],
    ['tags/a/b~c', true],
  ] as const) {
    it(`[SEC-3] ${show(register)} = ${show(value)} is within the bounds`, () => {
      const [first] = playHistory([]);
      const op = { memoryId: memoryId(0), seq: 3, device: deviceId(0), base: 2, hlc: { ms: 9, count: 0 }, at: 100 };
      expect(merge(first?.merged.state ?? null, { ...op, change: { writes: [{ register, value }] } })).toMatchObject({
        outcome: 'applied',
      });
    });
  }
});

const show = (value: unknown) => (typeof value === 'string' ? value : String(JSON.stringify(value))).slice(0, 40);

/** The writes of the register that are gone: not final, not seen by a later writer, not in a conflict, not written again. */
function lostWithoutTrace(
  ops: readonly PlayedOp[],
  register: RegisterName,
  inConflict: ReadonlySet<string>,
  final: MemoryState,
): PlayedOp[] {
  const writers = ops.filter((played) => writeTo(played, register) !== undefined);
  const writtenBy = (played: PlayedOp) => writeTo(played, register)?.value ?? null;
  const kept = new Set(
    writers.filter(
      (played) =>
        valuesEqual(writtenBy(played), final.cells.get(register)?.value ?? null) ||
        inConflict.has(`${register} ${played.op.seq}`) ||
        writers.some((later) => later !== played && hasSeen(later.clock, played)),
    ),
  );
  return writers.filter(
    (played) => !kept.has(played) && ![...kept].some((other) => valuesEqual(writtenBy(other), writtenBy(played))),
  );
}

/** Whether the op is an edit that the delete in force did not know, or that delete itself with such an edit before it. */
function isHiddenEdit(log: readonly PlayedOp[], played: PlayedOp): boolean {
  const { op, before, merged } = played;
  const hidden = merged.state.cells.get('deleted');
  const deleter = log[(hidden?.seq ?? 0) - 1];
  if (deleter === undefined || before === null) return false;
  const isEdit = writeTo(played, 'deleted') === undefined;
  if (isEdit) return !hasSeen(played.clock, deleter);
  if (deleter !== played || fieldsOf(before).deleted) return false;
  return [...before.cells].some(([register, cell]) => register !== 'deleted' && !isSequential(cell, op));
}

function isPlausible(register: RegisterName, value: unknown): boolean {
  if (register === 'source')
    return value === null || Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null;
  return ['string', 'number', 'boolean'].includes(typeof value) || value === null;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (value instanceof Map) {
    for (const entry of value.values()) deepFreeze(entry);
    return Object.assign(value, { set: refuse, delete: refuse, clear: refuse });
  }
  for (const entry of Object.values(value)) deepFreeze(entry);
  return Object.freeze(value);
}

function refuse(): never {
  throw new TypeError('the input of the merge was changed');
}
