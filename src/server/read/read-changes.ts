/** What changed after a cursor: for a puller that keeps no log, each memory once with its present state. */
import { eventKinds, type LogEvent } from '../../core/event.ts';
import type { Epoch, MemoryId, UserId } from '../../core/ids.ts';
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
  /** Memories that the last event of this page took away for good (SYN-12); a page ends with its first such event. */
  readonly collected: { readonly seq: number; readonly ids: readonly MemoryId[] } | null;
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

/** Rejected ops changed nothing, and a collection names its memories itself. */
const changesStatement: Statement = {
  name: 'read-changes',
  text: `with changed as (
      select memory_id, max(seq) as last from events
      where user_id = $1::uuid and seq > $2::bigint and seq <= $3::bigint and kind <> all($4::smallint[]) group by memory_id
    )
    select ${viewColumns}, coalesce(a.count, 0) as access_count
    from changed c join memories m on m.user_id = $1::uuid and m.id = c.memory_id
    left join memory_accesses a on a.user_id = $1::uuid and a.memory_id = m.id order by c.last`,
};

const otherKinds = [eventKinds.indexOf('reject'), eventKinds.indexOf('collect')];

export async function readChanges(db: Queryable, request: UpdatesRequest): Promise<Result<ChangesPage, CursorRefusal>> {
  const start = await findStart(db, request);
  if (!start.ok) return start;
  const { head, from } = start.value;
  const { userId } = request;
  const end = Math.min(head.seq, from + request.limit);
  // Floor 0: there never was a collection.
  const collection = head.floor === 0 ? null : await readFirstCollection(db, head, { from, end });
  const to = collection?.seq ?? end;
  const rows = await db.query<MemoryViewRow>(changesStatement, [userId, from, to, otherKinds]);
  const collected = collection && { seq: to, ids: await withoutRows(db, userId, collection.collected?.ids ?? []) };
  return ok({ changes: rows.map(rowToView), collected, ...positionAt(head, to) });
}

const collectionStatement: Statement = {
  name: 'first-collection',
  text: `select seq, device, counter, memory_id, at_ms, kind, prev_seq, wire, meta, salt, payload_hash, hash from events
    where user_id = $1::uuid and seq > $2::bigint and seq <= $3::bigint and kind = $4::smallint order by seq limit 1`,
};

/** One a page bounds what a page holds: an event names up to `collectIds` memories. */
async function readFirstCollection(
  db: Queryable,
  head: Head,
  { from, end }: { readonly from: number; readonly end: number },
): Promise<LogEvent | null> {
  const params = [head.userId, from, end, eventKinds.indexOf('collect')];
  const [record] = await db.query<EventRecord>(collectionStatement, params);
  return record === undefined ? null : recordToEvent(record, head.deviceByOrdinal);
}

const existingStatement: Statement = {
  name: 'existing-memories',
  text: 'select id from memories where user_id = $1::uuid and id = any($2::uuid[])',
};

/** An id may have come into use again: then its own events tell what it is now. */
async function withoutRows(db: Queryable, userId: UserId, ids: readonly MemoryId[]): Promise<readonly MemoryId[]> {
  const rows = await db.query<{ id: MemoryId }>(existingStatement, [userId, ids]);
  const existing = new Set(rows.map((row) => row.id));
  return ids.filter((id) => !existing.has(id));
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
  return ok({ events, ...positionAt(head, Math.min(head.seq, from + request.limit)) });
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
  // At 0 nothing was applied yet: as without a cursor.
  return cursor.seq > 0 && cursor.seq < head.floor ? err('cursor_expired') : ok({ head, from: cursor.seq });
}

/** Seqs have no gaps (LOG-1), so how far a page reaches needs no look at it. */
const positionAt = (head: Head, seq: number): SyncPosition => ({
  cursor: { epoch: head.epoch, seq },
  head: head.seq,
  done: seq === head.seq,
});
