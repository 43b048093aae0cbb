/** What changed after a cursor: for a puller that keeps no log, each memory once with its present state. */
import { eventKinds, type LogEvent } from '../../core/event.ts';
import type { Epoch, UserId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { type Head, readHead } from '../log/head.ts';
import { type EventRecord, recordToEvent } from '../log/read-events.ts';
import { type MemoryView, type MemoryViewRow, rowToView, viewColumns } from './memory-view.ts';
import { type DeltaPage, readDelta } from './read-delta.ts';

/** How far the caller has come, in which lineage of the log. */
export interface SyncCursor {
  readonly epoch: Epoch;
  readonly seq: number;
}

export type CursorRefusal = 'cursor_expired' | 'cursor_ahead' | 'epoch_mismatch' | 'unauthorized';

export interface SyncPosition {
  readonly cursor: SyncCursor;
  readonly head: number;
  readonly done: boolean;
}

export interface ChangesPage extends SyncPosition {
  /** In the order in which they last changed within this page. */
  readonly changes: readonly MemoryView[];
}

export interface EventsPage extends SyncPosition {
  readonly events: readonly LogEvent[];
}

export interface UpdatesRequest {
  readonly userId: UserId;
  /** Null: from the start. */
  readonly cursor: SyncCursor | null;
  /** Events to go through. */
  readonly limit: number;
}

/** Rejected ops changed nothing, and the seqs of a page decide where the next one begins: both are read with the events. */
const changesStatement: Statement = {
  name: 'read-changes',
  text: `with page as (
      select seq, memory_id, kind from events where user_id = $1::uuid and seq > $2::bigint and seq <= $3::bigint order by seq limit $4::int
    ), changed as (
      select memory_id, max(seq) as last from page where kind <> $5::smallint group by memory_id
    )
    select ${viewColumns}, coalesce(a.count, 0) as access_count
    from changed c join memories m on m.user_id = $1::uuid and m.id = c.memory_id
    left join memory_accesses a on a.user_id = $1::uuid and a.memory_id = m.id order by c.last`,
};

export async function readChanges(db: Queryable, request: UpdatesRequest): Promise<Result<ChangesPage, CursorRefusal>> {
  const start = await findStart(db, request);
  if (!start.ok) return start;
  const { head, from } = start.value;
  const params = [request.userId, from, head.seq, request.limit, eventKinds.indexOf('reject')];
  const rows = await db.query<MemoryViewRow>(changesStatement, params);
  return ok({ changes: rows.map(rowToView), ...positionAfter(head, from, request.limit) });
}

const eventsStatement: Statement = {
  name: 'read-updates',
  text: `select seq, device, counter, memory_id, at_ms, kind, prev_seq, wire, meta, salt, payload_hash, hash from events
    where user_id = $1::uuid and seq > $2::bigint and seq <= $3::bigint order by seq limit $4::int`,
};

export async function readUpdatedEvents(db: Queryable, request: UpdatesRequest): Promise<Result<EventsPage, CursorRefusal>> {
  const start = await findStart(db, request);
  if (!start.ok) return start;
  const { head, from } = start.value;
  const records = await db.query<EventRecord>(eventsStatement, [request.userId, from, head.seq, request.limit]);
  const events = records.map((record) => recordToEvent(record, head.deviceByOrdinal));
  return ok({ events, ...positionAfter(head, from, request.limit) });
}

export interface DeltaAnswer extends SyncPosition {
  readonly delta: DeltaPage;
}

/** The stored bytes, never decoded (SYN-11). */
export async function readUpdatedBytes(db: Queryable, request: UpdatesRequest): Promise<Result<DeltaAnswer, CursorRefusal>> {
  const start = await findStart(db, request);
  if (!start.ok) return start;
  const delta = await readDelta(db, { userId: request.userId, from: start.value.from, device: -1, maxEvents: request.limit });
  if (delta === null) return err('unauthorized');
  const { epoch, to, head } = delta;
  return ok({ delta, cursor: { epoch, seq: to }, head, done: to === head });
}

async function findStart(
  db: Queryable,
  { userId, cursor }: UpdatesRequest,
): Promise<Result<{ head: Head; from: number }, CursorRefusal>> {
  const head = await readHead(db, userId);
  if (head === null) return err('unauthorized');
  if (cursor === null) return ok({ head, from: 0 });
  if (cursor.epoch !== head.epoch) return err('epoch_mismatch');
  if (cursor.seq > head.seq) return err('cursor_ahead');
  return cursor.seq < head.floor ? err('cursor_expired') : ok({ head, from: cursor.seq });
}

/** Seqs have no gaps (LOG-1), so how far a page reaches needs no look at it. */
function positionAfter(head: Head, from: number, limit: number): SyncPosition {
  const seq = Math.min(head.seq, from + limit);
  return { cursor: { epoch: head.epoch, seq }, head: head.seq, done: seq === head.seq };
}
