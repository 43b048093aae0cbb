import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditLog, type LoggedEvent, type Write } from '../../bench/soak/audit.ts';
import type { DeviceId, MemoryId } from '../../src/core/ids.ts';

const device = '00000000-0000-4000-8000-000000000001' as DeviceId;
const clean = { lost: [], doubled: [], strange: [] };

/** So many writes of one device, each of a memory of its own, and the log that they became. */
function written(count: number): { readonly writes: readonly Write[]; readonly log: readonly LoggedEvent[] } {
  const log = Array.from({ length: count }, (_, index): LoggedEvent => {
    const memoryId = `memory ${index}` as MemoryId;
    return { seq: index + 1, device, counter: index + 1, memoryId, content: `content ${index}`, deletes: false };
  });
  const writes = log.map(({ seq, memoryId, content }): Write => {
    return { memoryId, content: content ?? '', state: 'acked', seq, device };
  });
  return { writes, log };
}

const audit = (writes: readonly Write[], log: readonly LoggedEvent[], last = log.length) =>
  auditLog({ writes, deleted: [], counters: new Map([[device, last]]) }, log);

/** A log of some events and one of them. */
const logAndPlace = fc.integer({ min: 2, max: 20 }).chain((count) => fc.tuple(fc.constant(count), fc.nat(count - 1)));

/** As if what is left had been numbered without it: no gap shows what is missing. */
const renumbered = (log: readonly LoggedEvent[]) => log.map((event, index) => ({ ...event, seq: index + 1 }));

describe('the audit of a soak', () => {
  it('[house] finds nothing where every write is in the log once', () => {
    const { writes, log } = written(20);
    expect(audit(writes, log)).toEqual(clean);
  });

  it('[house] finds an acked write that is not in the log, wherever it was, also where no gap shows it', () => {
    fc.assert(
      fc.property(logAndPlace, ([count, place]) => {
        const { writes, log } = written(count);
        const rest = renumbered(log.filter((_, index) => index !== place));
        const unnumbered = writes.map((write) => ({ ...write, seq: null }));
        expect(audit(unnumbered, rest, count).lost).toHaveLength(2);
        expect(auditLog({ writes: unnumbered, deleted: [], counters: new Map() }, rest).lost).toEqual([
          expect.stringContaining(`content ${place}`),
        ]);
      }),
    );
  });

  it('[house] finds a write that became two events, and an op that did', () => {
    fc.assert(
      fc.property(logAndPlace, ([count, place]) => {
        const { writes, log } = written(count);
        const again = { ...log[place], seq: count + 1, counter: count + 1 } as LoggedEvent;
        expect(audit(writes, [...log, again]).doubled).toEqual([`content ${place}: seqs ${place + 1}, ${count + 1}`]);
        const other = { ...again, counter: place + 1, content: null };
        expect(audit(writes, [...log, other], count).doubled).toEqual([
          `op ${place + 1} of device ${device}: seqs ${place + 1}, ${count + 1}`,
        ]);
      }),
    );
  });

  it('[house] finds a write that stands at another seq than the answer said, and one under another device', () => {
    const { writes, log } = written(3);
    const moved = writes.map((write) => ({ ...write, seq: (write.seq ?? 0) + 1 }));
    expect(audit(moved, log).lost).toHaveLength(3);
    const elsewhere = log.map((event) => ({ ...event, device: 'another' as DeviceId }));
    expect(audit(writes, elsewhere, 0).lost).toHaveLength(3);
  });

  it('[house] finds a gap, an event that nobody wrote, and a delete that is not there', () => {
    const { writes, log } = written(3);
    expect(audit(writes.slice(0, 2), [...log.slice(0, 1), ...log.slice(2)]).strange).toEqual([
      'seq 3 stands at place 2',
      'nobody wrote memory 2 content 2',
    ]);
    const deleted = ['memory 0' as MemoryId];
    const asked = { writes, deleted, counters: new Map<DeviceId, number>() };
    expect(auditLog(asked, log).lost).toEqual(['memory memory 0: its delete']);
    const deleting = { seq: 4, device, counter: 4, memoryId: 'memory 0' as MemoryId, content: null, deletes: true };
    expect(auditLog(asked, [...log, deleting])).toEqual(clean);
  });

  it('[house] lets a write be there or not whose outcome nobody was told, but not twice', () => {
    const { writes, log } = written(3);
    const [first, second, third] = writes.map((write) => ({ ...write, state: 'unknown' as const, seq: null, device: null }));
    if (first === undefined || second === undefined || third === undefined) throw new Error('three were written');
    expect(audit([first, second, third], log)).toEqual(clean);
    expect(audit([first, second, third], log.slice(0, 2))).toEqual(clean);
    const again = { ...log[2], seq: 4, counter: 4 } as LoggedEvent;
    expect(audit([first, second, third], [...log, again]).doubled).toHaveLength(1);
  });
});
