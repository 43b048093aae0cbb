/**
 * A device's copy of a user's memories in this process: the server's rows as of the cursor, and the ops that the server has
 * not acknowledged, shown on top of them (MRG-4). It holds an exact prefix of the log (SYN-4), so the causal base of an op is
 * simply the cursor. Alone it lives as long as the process; behind a store it mirrors what was committed there.
 */

import type { Change } from '../core/change.ts';
import type { DeviceId, Epoch, MemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import { stateHashToString } from '../core/state-hash.ts';
import type { Delta, Snapshot } from '../protocol/frames.ts';
import { planStep } from './plan-step.ts';
import {
  newReplicaMeta,
  type OutboxOp,
  type RejectedOp,
  type ReplicaChange,
  type ReplicaContents,
  type ReplicaMeta,
} from './replica-change.ts';
import { withChange } from './replica-rows.ts';
import type { ReplicaStep, ReplicaView, StepResult } from './replica-step.ts';

export class Replica implements ReplicaView {
  #meta: ReplicaMeta;
  /** This object's own list: it grows in place, or each of ten thousand ops offline would copy all those before it. */
  #outbox: OutboxOp[];
  #rejected: readonly RejectedOp[];
  readonly #rows: Map<MemoryId, Memory>;
  #waitingById = new Map<MemoryId, OutboxOp[]>();
  /** Ids of the rows, greatest first, as of the beginning of a snapshot: what comes later was put there by its pages. */
  #sweepIds: readonly MemoryId[] | null = null;

  constructor(origin: DeviceId | ReplicaContents) {
    const contents = typeof origin === 'string' ? emptyContents(origin) : origin;
    this.#meta = contents.meta;
    this.#outbox = [...contents.outbox];
    this.#rejected = contents.rejected;
    this.#rows = new Map(contents.rows.map((row) => [row.id, row]));
    this.#indexOutbox();
  }

  get meta(): ReplicaMeta {
    return this.#meta;
  }

  get device(): DeviceId {
    return this.#meta.device;
  }

  get epoch(): Epoch | null {
    return this.#meta.epoch;
  }

  get cursor(): number {
    return this.#meta.cursor;
  }

  /** The counter of the newest op of this device. */
  get lastCounter(): number {
    return this.#meta.lastCounter;
  }

  get outbox(): readonly OutboxOp[] {
    return this.#outbox;
  }

  get rejected(): readonly RejectedOp[] {
    return this.#rejected;
  }

  /** The server's rows, deleted ones included. */
  get rows(): ReadonlyMap<MemoryId, Memory> {
    return this.#rows;
  }

  /** 16 hex digits over the rows; equal to the server's when the cursor is the head (SYN-6). */
  get stateHash(): string {
    return stateHashToString(this.#meta.stateHash);
  }

  row(id: MemoryId): Memory | null {
    return this.#rows.get(id) ?? null;
  }

  /** The memory as its user sees it: the server's row with the waiting ops on top. */
  view(id: MemoryId): Memory | null {
    let memory = this.row(id);
    for (const { change, hlc } of this.#waitingById.get(id) ?? [])
      memory = withChange(memory, { id, seq: memory?.seq ?? 0, change, lost: [], hlc, at: hlc.ms });
    return memory;
  }

  /** Every memory as its user sees it, erased ones left out. */
  *views(): Generator<Memory> {
    for (const [id, row] of this.#rows) {
      const memory = this.#waitingById.has(id) ? this.view(id) : row;
      if (memory !== null && !memory.erased) yield memory;
    }
    for (const id of this.#waitingById.keys()) {
      const memory = this.#rows.has(id) ? null : this.view(id);
      if (memory !== null) yield memory;
    }
  }

  isPending(id: MemoryId): boolean {
    return this.#waitingById.has(id);
  }

  idsBetween(above: MemoryId | null, low: MemoryId | null): readonly MemoryId[] {
    if (above === null || this.#sweepIds === null) this.#sweepIds = [...this.#rows.keys()].sort().reverse();
    const ids = this.#sweepIds;
    const start = above === null ? 0 : firstIndex(ids, (id) => id < above);
    const end = low === null ? ids.length : firstIndex(ids, (id) => id < low);
    return ids.slice(start, end);
  }

  /** Plans a step on what this process holds and takes it over at once: a replica without a store. */
  perform(step: ReplicaStep, nowMs: number): StepResult {
    const { change, result } = planStep(this, { meta: this.#meta, outbox: this.#outbox }, step, nowMs);
    if (change !== null) this.take(change);
    return result;
  }

  /** A change that was committed. */
  take(change: ReplicaChange): void {
    this.#meta = change.meta;
    for (const row of change.rows ?? []) this.#rows.set(row.id, row);
    for (const id of change.removed ?? []) this.#rows.delete(id);
    if (change.rejected !== undefined) this.#rejected = [...this.#rejected, ...change.rejected];
    if (change.dismissed !== undefined) this.#rejected = this.#rejected.filter(({ seq }) => !change.dismissed?.includes(seq));
    this.#takeOutbox(change);
    if (change.meta.snapshot === null) this.#sweepIds = null;
  }

  /** A local write: it shows at once, and waits in the outbox. @param nowMs the device's own clock, however wrong. */
  write(memoryId: MemoryId, change: Change, nowMs: number): OutboxOp {
    const [op] = this.perform({ kind: 'write', drafts: [{ memoryId, change }] }, nowMs).written;
    if (op === undefined) throw new Error('a write makes an op');
    return op;
  }

  /** @throws RangeError when the delta begins after the cursor: events in between are missing. */
  apply(delta: Delta, nowMs: number): StepResult {
    return this.perform({ kind: 'delta', delta }, nowMs);
  }

  applySnapshot(page: Snapshot, serverCounter = 0): StepResult {
    return this.perform({ kind: 'snapshot', page, serverCounter }, 0);
  }

  #takeOutbox({ outbox, added, settled }: ReplicaChange): void {
    if (outbox !== undefined) {
      this.#outbox = [...outbox];
      this.#indexOutbox();
      return;
    }
    if (settled !== undefined) {
      const gone = new Set(settled);
      const left = this.#outbox.filter((op) => !gone.has(op.counter));
      for (const op of this.#outbox) if (gone.has(op.counter)) this.#unindex(op);
      this.#outbox = left;
    }
    if (added !== undefined) {
      for (const op of added) {
        this.#outbox.push(op);
        this.#index(op);
      }
    }
  }

  #indexOutbox(): void {
    this.#waitingById = new Map();
    for (const op of this.#outbox) this.#index(op);
  }

  #index(op: OutboxOp): void {
    const waiting = this.#waitingById.get(op.memoryId);
    if (waiting === undefined) this.#waitingById.set(op.memoryId, [op]);
    else waiting.push(op);
  }

  #unindex(op: OutboxOp): void {
    const left = (this.#waitingById.get(op.memoryId) ?? []).filter(({ counter }) => counter !== op.counter);
    if (left.length === 0) this.#waitingById.delete(op.memoryId);
    else this.#waitingById.set(op.memoryId, left);
  }
}

function emptyContents(device: DeviceId): ReplicaContents {
  return { meta: newReplicaMeta(device), rows: [], outbox: [], rejected: [] };
}

/** Of a list that is first false and then true for `test`: where it turns. */
function firstIndex<T>(items: readonly T[], test: (item: T) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const item = items[middle];
    if (item !== undefined && test(item)) high = middle;
    else low = middle + 1;
  }
  return low;
}
