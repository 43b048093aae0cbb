/**
 * The projections from the log alone (LOG-6): every event goes through the merge again, as it did when it was appended.
 * Holds all memories of one user at a time.
 */
import type { LogEvent } from '../../core/event.ts';
import { conflictId } from '../../core/hash-chain.ts';
import type { ConflictId, MemoryId } from '../../core/ids.ts';
import {
  forgottenState,
  type MemoryState,
  type Merged,
  merge,
  type OpenConflict,
  type PlacedOp,
  type Resolution,
} from '../../core/merge.ts';
import { sha256 } from '../infra/bytes.ts';
import type { Queryable } from '../infra/database.ts';
import type { Head } from '../log/head.ts';
import { bytesToMeta } from '../log/log-bytes.ts';
import { type EventRecord, readLog, recordToEvent } from '../log/read-events.ts';

export interface ReplayedConflict extends OpenConflict {
  readonly id: ConflictId;
  readonly memoryId: MemoryId;
  readonly at: number;
  readonly resolution: Resolution | null;
  readonly resolvedSeq: number | null;
}

export interface Replayed {
  readonly states: ReadonlyMap<MemoryId, MemoryState>;
  readonly conflicts: ReadonlyMap<ConflictId, ReplayedConflict>;
  /** The first event that the merge decides otherwise today than it is recorded: the seq. */
  readonly firstOtherOutcome: number | null;
}

export async function replayLog(db: Queryable, head: Head, onProgress: (events: number) => void): Promise<Replayed> {
  const replay: Replay = { states: new Map(), conflicts: new Map(), firstOtherOutcome: null };
  for await (const page of readLog(db, head.userId, head.seq)) {
    for (const record of page) replayRecord(replay, record, head);
    onProgress(page.at(-1)?.seq ?? head.seq);
  }
  return replay;
}

/** `Replayed` while it grows. */
interface Replay {
  readonly states: Map<MemoryId, MemoryState>;
  readonly conflicts: Map<ConflictId, ReplayedConflict>;
  firstOtherOutcome: number | null;
}

function replayRecord(replay: Replay, record: EventRecord, head: Head): void {
  const event = recordToEvent(record, head.deviceByOrdinal);
  if (event.kind === 'collect') return collect(replay, event);
  if (event.outcome === 'rejected' || (event.change === null && event.kind !== 'erase')) return;
  const op = toPlacedOp(event, bytesToMeta(record.meta).base);
  const before = replay.states.get(event.memoryId) ?? (event.kind === 'erase' ? forgottenState(op) : null);
  const merged = merge(before, op);
  if (merged.outcome === 'rejected' || !agrees(merged, event)) replay.firstOtherOutcome ??= event.seq;
  if (merged.outcome === 'rejected') return;
  replay.states.set(event.memoryId, merged.state);
  keepConflicts(replay.conflicts, merged, event, head);
}

/** SYN-12: its ids are gone, and so are the conflicts that were theirs. */
function collect({ states, conflicts }: Replay, event: LogEvent): void {
  const gone = new Set(event.collected?.ids);
  for (const id of gone) states.delete(id);
  for (const { id, memoryId } of conflicts.values()) if (gone.has(memoryId)) conflicts.delete(id);
}

function toPlacedOp(event: LogEvent, base: number): PlacedOp {
  const { memoryId, seq, device, hlc, at, change, kind } = event;
  const op = { memoryId, seq, device, base, hlc, at, change: change ?? { writes: [] } };
  return kind === 'erase' ? { ...op, erase: true } : op;
}

function agrees(merged: Merged, event: LogEvent): boolean {
  return merged.outcome === event.outcome && merged.kind === event.kind && merged.lost.join() === event.lost.join();
}

function keepConflicts(conflicts: Map<ConflictId, ReplayedConflict>, merged: Merged, event: LogEvent, head: Head): void {
  const { memoryId, at, seq } = event;
  const keep = (conflict: OpenConflict, resolution: Resolution | null): void => {
    const id = conflictId(sha256, head.origin, memoryId, conflict.register, conflict.loserSeq);
    const resolvedSeq = resolution === null ? null : seq;
    conflicts.set(id, { ...conflict, id, memoryId, at: conflicts.get(id)?.at ?? at, resolution, resolvedSeq });
  };
  for (const { conflict, resolution } of merged.closed) keep(conflict, resolution);
  for (const conflict of merged.moved) keep(conflict, null);
  for (const conflict of merged.opened) keep(conflict, null);
  if (event.kind !== 'erase') return;
  for (const { id, memoryId: of } of conflicts.values()) if (of === memoryId) conflicts.delete(id);
}
