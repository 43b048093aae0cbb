/**
 * A device's copy of a user's memories, without any I/O: the server's rows as of the cursor, and the ops that the server has
 * not acknowledged, shown on top of them (MRG-4). It holds an exact prefix of the log (SYN-4), so the causal base of an op
 * is simply the cursor.
 */
import { type Hlc, observe, tick, zeroHlc } from '../core/clock.ts';
import type { LogEvent } from '../core/event.ts';
import type { DeviceId, Epoch, MemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import type { Change } from '../core/patch.ts';
import { tagOf, type Write } from '../core/register.ts';
import { emptyStateHash, moveRow, removeRow, type StateHash, stateHashToString } from '../core/state-hash.ts';
import type { Delta, Snapshot } from '../protocol/frames.ts';

/** An op that waits for its acknowledgement. */
export interface OutboxOp {
  readonly counter: number;
  readonly base: number;
  readonly hlc: Hlc;
  readonly memoryId: MemoryId;
  readonly change: Change;
}

export interface Applied {
  /** The events that were new to this replica. */
  readonly events: readonly LogEvent[];
  /** The own ops that they acknowledge. */
  readonly acknowledged: readonly OutboxOp[];
}

export class Replica {
  #device: DeviceId;
  #epoch: Epoch | null = null;
  #cursor = 0;
  #lastCounter = 0;
  #clock: Hlc = zeroHlc;
  #outbox: OutboxOp[] = [];
  readonly #rows = new Map<MemoryId, Memory>();
  #stateHash: StateHash = emptyStateHash;

  constructor(device: DeviceId) {
    this.#device = device;
  }

  get device(): DeviceId {
    return this.#device;
  }

  get epoch(): Epoch | null {
    return this.#epoch;
  }

  get cursor(): number {
    return this.#cursor;
  }

  /** The counter of the newest op of this device. */
  get lastCounter(): number {
    return this.#lastCounter;
  }

  get outbox(): readonly OutboxOp[] {
    return this.#outbox;
  }

  /** The server's rows, deleted ones included. */
  get rows(): ReadonlyMap<MemoryId, Memory> {
    return this.#rows;
  }

  /** 16 hex digits over the rows; equal to the server's when the cursor is the head (SYN-6). */
  get stateHash(): string {
    return stateHashToString(this.#stateHash);
  }

  /** A local write: it shows at once, and waits in the outbox. @param nowMs the device's own clock, however wrong. */
  write(memoryId: MemoryId, change: Change, nowMs: number): OutboxOp {
    this.#clock = tick(this.#clock, nowMs);
    const op = { counter: ++this.#lastCounter, base: this.#cursor, hlc: this.#clock, memoryId, change };
    this.#outbox.push(op);
    return op;
  }

  /** The memory as its user sees it: the server's row with the waiting ops on top. */
  view(id: MemoryId): Memory | null {
    let memory = this.#rows.get(id) ?? null;
    for (const op of this.#outbox) {
      if (op.memoryId === id)
        memory = withWrites(memory, { id, seq: memory?.seq ?? 0, change: op.change, lost: [], hlc: op.hlc, at: op.hlc.ms });
    }
    return memory;
  }

  /**
   * Applies what is new in a delta; what was applied before is skipped.
   * @throws RangeError when the delta begins after the cursor: events in between are missing.
   */
  apply(delta: Delta, nowMs: number): Applied {
    if (delta.from > this.#cursor) throw new RangeError(`the delta begins at ${delta.from}, the replica ends at ${this.#cursor}`);
    const events = delta.events.filter((event) => event.seq > this.#cursor);
    for (const event of events) {
      this.#clock = observe(this.#clock, event.hlc, nowMs);
      this.#applyEvent(event);
    }
    this.#cursor = Math.max(this.#cursor, delta.to);
    const acked = delta.acked ?? 0;
    const acknowledged = this.#outbox.filter((op) => op.counter <= acked);
    if (acknowledged.length > 0) this.#outbox = this.#outbox.filter((op) => op.counter > acked);
    return { events, acknowledged };
  }

  /** A page of memories as they stand. With the last one the cursor moves to where the snapshot began. */
  applySnapshot(snapshot: Snapshot): void {
    for (const memory of snapshot.memories) {
      if (memory.seq > (this.#rows.get(memory.id)?.seq ?? 0)) this.#setRow(memory);
    }
    if (snapshot.next === null) this.#cursor = Math.max(this.#cursor, snapshot.at);
  }

  /** The epoch that WELCOME told. */
  join(epoch: Epoch): void {
    this.#epoch = epoch;
  }

  /** Begins again from nothing, with the outbox kept (SYN-5): its ops have seen nothing of what the log now holds. */
  restart(): void {
    this.#epoch = null;
    this.#cursor = 0;
    this.#rows.clear();
    this.#stateHash = emptyStateHash;
    this.#outbox = this.#outbox.map((op) => ({ ...op, base: 0 }));
  }

  /** Goes on as another device, where two hold the same id (SYN-2). */
  fork(device: DeviceId): void {
    this.#device = device;
    this.renumber(0);
  }

  /** Gives the waiting ops the counters after `lastCounter`. */
  renumber(lastCounter: number): void {
    this.#outbox = this.#outbox.map((op, index) => ({ ...op, counter: lastCounter + index + 1 }));
    this.#lastCounter = lastCounter + this.#outbox.length;
  }

  #applyEvent(event: LogEvent): void {
    if (event.outcome === 'rejected') return;
    if (event.kind === 'collect') return this.#collect(event);
    const row = this.#rows.get(event.memoryId) ?? null;
    if (row !== null && row.seq >= event.seq) return;
    if (event.kind === 'erase') return this.#setRow(erased(event, row));
    const change = event.change ?? this.#ownChange(event);
    this.#setRow(change === null ? erased(event, row) : withWrites(row, { ...event, id: event.memoryId, change }));
  }

  #collect({ seq, collected }: LogEvent): void {
    for (const id of collected?.ids ?? []) {
      const row = this.#rows.get(id);
      if (row === undefined || row.seq >= seq) continue;
      this.#stateHash = removeRow(this.#stateHash, id, row.seq);
      this.#rows.delete(id);
    }
  }

  /** The server may leave out the patch of an op that this device wrote. */
  #ownChange(event: LogEvent): Change | null {
    if (event.device !== this.#device) return null;
    return this.#outbox.find((op) => op.counter === event.counter)?.change ?? null;
  }

  #setRow(memory: Memory): void {
    this.#stateHash = moveRow(this.#stateHash, memory.id, this.#rows.get(memory.id)?.seq ?? 0, memory.seq);
    this.#rows.set(memory.id, memory);
  }
}

interface Applicable {
  readonly id: MemoryId;
  readonly seq: number;
  readonly change: Change;
  readonly lost: LogEvent['lost'];
  readonly hlc: Hlc;
  readonly at: number;
}

function withWrites(row: Memory | null, event: Applicable): Memory {
  const won = event.change.writes.filter((write) => !event.lost.includes(write.register));
  const createdAt = row?.createdAt ?? Math.max(0, Math.min(event.change.createdAt ?? event.hlc.ms, event.at));
  const updatedAt = won.length > 0 ? Math.max(row?.updatedAt ?? 0, event.hlc.ms) : (row?.updatedAt ?? event.hlc.ms);
  const fields: Record<string, unknown> = { ...(row ?? emptyFields) };
  for (const { register, value } of won) if (tagOf(register) === null) fields[register] = value;
  return {
    ...(fields as unknown as Memory),
    id: event.id,
    seq: event.seq,
    createdAt,
    updatedAt,
    tags: withTags(row?.tags ?? [], won),
  };
}

const emptyFields = {
  content: '',
  type: 'fact',
  scope: 'user_global',
  confidence: null,
  source: null,
  tags: [],
  deleted: false,
  erased: false,
};

function withTags(tags: readonly string[], writes: readonly Write[]): readonly string[] {
  const present = new Set(tags);
  for (const { register, value } of writes) {
    const tag = tagOf(register);
    if (tag === null) continue;
    if (value === true) present.add(tag);
    else present.delete(tag);
  }
  return [...present].sort();
}

function erased(event: LogEvent, row: Memory | null): Memory {
  const { memoryId: id, seq, hlc, change } = event;
  // The erasing event keeps the time of creation: once the others are blank, a device that is new finds it nowhere else.
  const createdAt = change?.createdAt ?? row?.createdAt ?? hlc.ms;
  const updatedAt = Math.max(row?.updatedAt ?? 0, hlc.ms);
  return {
    content: '',
    type: 'fact',
    scope: 'user_global',
    confidence: null,
    source: null,
    tags: [],
    deleted: true,
    erased: true,
    id,
    seq,
    createdAt,
    updatedAt,
  };
}
