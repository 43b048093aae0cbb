/** A delta on a replica: rows, cursor, clock, state hash and outbox in one change. */

import type { Change } from '../core/change.ts';
import { compareHlc, type Hlc, maxAheadMs, observe } from '../core/clock.ts';
import type { LogEvent } from '../core/event.ts';
import type { MemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import { type RegisterName, tagOf, valuesEqual, type Write } from '../core/register.ts';
import { moveRow, removeRow, type StateHash, stateHashToString } from '../core/state-hash.ts';
import type { Delta } from '../protocol/frames.ts';
import { indexAfter, renumbered } from './plan-outbox.ts';
import type { OutboxOp, RejectedOp, ReplicaChange, ReplicaMeta } from './replica-change.ts';
import { erasedRow, withChange } from './replica-rows.ts';
import { nothingHappened, type ReplicaView, type StepResult } from './replica-step.ts';

export interface PlannedStep {
  /** Null: nothing changes. */
  readonly change: ReplicaChange | null;
  readonly result: StepResult;
}

/**
 * What was applied before is skipped, but looked at: a replayed op is acknowledged by its event.
 * @param stored the whole outbox, where ops of another device id may be in it.
 * @throws RangeError when the delta begins after the cursor, or comes in the middle of a snapshot.
 */
export function planDelta(
  view: ReplicaView,
  meta: ReplicaMeta,
  stored: readonly OutboxOp[] | null,
  delta: Delta,
  nowMs: number,
): PlannedStep {
  if (delta.from > meta.cursor) throw new RangeError(`the delta begins at ${delta.from}, the replica ends at ${meta.cursor}`);
  const isHalf = meta.resync !== null || meta.snapshot !== null;
  if (isHalf && delta.events.length > 0) throw new RangeError('a delta came where a snapshot is to come to its end');
  const draft = new DeltaDraft(view, meta, stored);
  for (const event of delta.events) draft.take(event);
  return draft.finish(delta, nowMs);
}

class DeltaDraft {
  readonly #view: ReplicaView;
  readonly #meta: ReplicaMeta;
  readonly #stored: readonly OutboxOp[] | null;
  /** Null: the row goes. */
  readonly #rows = new Map<MemoryId, Memory | null>();
  /** Rows share the text of their tags: few tags are on many memories, and each text that stays costs the collector. */
  readonly #tagByRegister = new Map<RegisterName, string>();
  readonly #events: LogEvent[] = [];
  readonly #acknowledged = new Set<OutboxOp>();
  readonly #rejected: RejectedOp[] = [];
  #stateHash: StateHash;
  #latest: Hlc | null = null;
  #acked: number;
  #forked = false;

  constructor(view: ReplicaView, meta: ReplicaMeta, stored: readonly OutboxOp[] | null) {
    this.#view = view;
    this.#meta = meta;
    this.#stored = stored;
    this.#stateHash = meta.stateHash;
    this.#acked = meta.acked;
  }

  take(event: LogEvent): void {
    const own = this.#recognise(event);
    if (event.seq <= this.#meta.cursor) return;
    this.#events.push(event);
    if (this.#latest === null || compareHlc(event.hlc, this.#latest) > 0) this.#latest = event.hlc;
    if (event.outcome === 'rejected') return;
    if (event.kind === 'collect') this.#collect(event);
    else this.#apply(event, event.change ?? own?.change ?? null);
  }

  finish(delta: Delta, nowMs: number): PlannedStep {
    const meta = this.#meta;
    const cursor = Math.max(meta.cursor, delta.to);
    const isAtHead = delta.hash !== undefined && delta.to === cursor;
    const result: StepResult = {
      ...nothingHappened,
      events: this.#events,
      acknowledged: [...this.#acknowledged],
      rejected: this.#rejected,
      touched: this.#touched(),
      forked: this.#forked,
      diverged: isAtHead && delta.hash !== stateHashToString(this.#stateHash),
    };
    if (cursor === meta.cursor && this.#acknowledged.size === 0 && this.#acked === meta.acked) return { change: null, result };
    const clock = this.#latest === null ? meta.clock : observe(meta.clock, this.#latest, nowMs);
    const after = { ...meta, cursor, clock, acked: this.#acked, stateHash: this.#stateHash };
    return { change: { ...this.#outboxChange(after), ...this.#rowChange() }, result };
  }

  /**
   * SYN-13: the event of an own op, by its dot and by what it holds. A dot of ours on a foreign op means that a copy of this
   * device writes with its id.
   */
  #recognise(event: LogEvent): OutboxOp | null {
    if (event.device !== this.#meta.device) return this.#recogniseByOrigin(event);
    const op = findOp(this.#view.outbox, event.counter);
    if (op === null) {
      if (event.counter > this.#meta.lastCounter) this.#forked = true;
      else this.#acked = Math.max(this.#acked, event.counter);
      return null;
    }
    if (!isEventOf(op, event)) {
      this.#forked = true;
      return null;
    }
    this.#acked = Math.max(this.#acked, event.counter);
    this.#settle(op, event);
    return op;
  }

  /** An op that went out under an earlier id of this device is in the log already. */
  #recogniseByOrigin(event: LogEvent): OutboxOp | null {
    if (this.#stored === null) return null;
    const op = this.#stored.find(({ origin }) => origin?.device === event.device && origin.counter === event.counter);
    if (op === undefined || !isEventOf(op, event)) return null;
    this.#settle(op, event);
    return op;
  }

  #settle(op: OutboxOp, event: LogEvent): void {
    if (this.#acknowledged.has(op)) return;
    this.#acknowledged.add(op);
    if (event.outcome === 'rejected') this.#rejected.push({ seq: event.seq, code: event.code ?? 'invalid_value', op });
  }

  #apply(event: LogEvent, change: Change | null): void {
    const row = this.#row(event.memoryId);
    if (row !== null && row.seq >= event.seq) return;
    const isErased = event.kind === 'erase' || change === null;
    const { memoryId: id, seq, lost, hlc, at } = event;
    const next = isErased ? erasedRow(event, row) : withChange(row, { id, seq, change, lost, hlc, at }, this.#nameTag);
    this.#stateHash = moveRow(this.#stateHash, next.id, row?.seq ?? 0, next.seq);
    this.#rows.set(next.id, next);
  }

  /** SYN-12 */
  #collect(event: LogEvent): void {
    for (const id of event.collected?.ids ?? []) {
      const row = this.#row(id);
      if (row === null || row.seq >= event.seq) continue;
      this.#stateHash = removeRow(this.#stateHash, id, row.seq);
      this.#rows.set(id, null);
    }
  }

  readonly #nameTag = (register: RegisterName): string | null => {
    const known = this.#tagByRegister.get(register);
    if (known !== undefined) return known;
    const tag = tagOf(register);
    if (tag !== null) this.#tagByRegister.set(register, tag);
    return tag;
  };

  #row(id: MemoryId): Memory | null {
    const changed = this.#rows.get(id);
    return changed === undefined ? this.#view.row(id) : changed;
  }

  #touched(): MemoryId[] {
    if (this.#acknowledged.size === 0) return [...this.#rows.keys()];
    const touched = new Set(this.#rows.keys());
    for (const { memoryId } of this.#acknowledged) touched.add(memoryId);
    return [...touched];
  }

  #rowChange(): Pick<ReplicaChange, 'rows' | 'removed' | 'rejected'> {
    const rows: Memory[] = [];
    const removed: MemoryId[] = [];
    this.#rows.forEach((row, id) => {
      if (row !== null) rows.push(row);
      else if (this.#view.row(id) !== null) removed.push(id);
    });
    return {
      ...(rows.length > 0 && { rows }),
      ...(removed.length > 0 && { removed }),
      ...(this.#rejected.length > 0 && { rejected: this.#rejected }),
    };
  }

  /** Where ops of another id left from among the others, those that wait close the gap: none of them was pushed yet. */
  #outboxChange(meta: ReplicaMeta): ReplicaChange {
    if (this.#acknowledged.size === 0) return { meta };
    const settled = Array.from(this.#acknowledged, ({ counter }) => counter);
    if (this.#stored === null) return { meta, settled };
    const gone = new Set(settled);
    const left = this.#stored.filter(({ counter }) => !gone.has(counter));
    return renumbered(meta, left, meta.acked);
  }
}

function findOp(outbox: readonly OutboxOp[], counter: number): OutboxOp | null {
  const op = outbox[indexAfter(outbox, counter - 1)];
  return op?.counter === counter ? op : null;
}

/** SYN-13: whether the event is what became of the op. */
export function isEventOf(op: OutboxOp, event: LogEvent): boolean {
  const isSameStamp = compareHlc(op.hlc, event.hlc) === 0 || isClamped(op.hlc, event);
  return (
    op.memoryId === event.memoryId && isSameStamp && (event.change === null || writesEqual(op.change.writes, event.change.writes))
  );
}

/** MRG-6: what the server makes of a stamp that is too far ahead. */
function isClamped(hlc: Hlc, event: LogEvent): boolean {
  return event.hlc.count === 0 && event.hlc.ms === event.at + maxAheadMs && hlc.ms > event.hlc.ms;
}

function writesEqual(a: readonly Write[], b: readonly Write[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ register, value }) => b.some((other) => other.register === register && valuesEqual(other.value, value)))
  );
}
