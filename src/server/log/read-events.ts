/** Events as they are stored, read by seq, along one memory, or by their dots. */
import type { LogEvent } from '../../core/event.ts';
import type { DeviceId, MemoryId, UserId } from '../../core/ids.ts';
import { unpack } from '../../protocol/message-pack.ts';
import { eventFromPacked } from '../../protocol/wire-events.ts';
import type { Queryable, Statement } from '../infra/database.ts';

/** A row of `events`. */
export interface EventRecord {
  readonly seq: number;
  readonly device: number;
  readonly counter: number;
  readonly memory_id: MemoryId;
  readonly at_ms: number;
  readonly kind: number;
  readonly prev_seq: number;
  readonly wire: Buffer;
  readonly meta: Buffer;
  /** Null when the payload was erased; then `payload_hash` is set. */
  readonly salt: Buffer | null;
  readonly payload_hash: Buffer | null;
  readonly hash: Buffer;
}

const columns = [
  'seq',
  'device',
  'counter',
  'memory_id',
  'at_ms',
  'kind',
  'prev_seq',
  'wire',
  'meta',
  'salt',
  'payload_hash',
  'hash',
];
const list = (alias: string): string => columns.map((column) => `${alias}.${column}`).join(', ');

/** @throws MalformedValue, RangeError when the stored bytes are no event, or name an unknown device. */
export function recordToEvent(record: EventRecord, deviceByOrdinal: ReadonlyMap<number, DeviceId>): LogEvent {
  return eventFromPacked(unpack(record.wire), record.seq, deviceByOrdinal);
}

const rangeStatement: Statement = {
  name: 'read-events',
  text: `select ${list('e')} from events e
    where e.user_id = $1::uuid and e.seq > $2::bigint and e.seq <= $3::bigint order by e.seq limit $4::int`,
};

/** The whole log up to `upTo`, a page at a time. */
export async function* readLog(
  db: Queryable,
  userId: UserId,
  upTo: number,
  pageEvents = 1_000,
): AsyncGenerator<readonly EventRecord[]> {
  for (let after = 0; after < upTo; ) {
    const page = await db.query<EventRecord>(rangeStatement, [userId, after, upTo, pageEvents]);
    if (page.length === 0) return;
    yield page;
    after = page.at(-1)?.seq ?? upTo;
  }
}

/**
 * Walks `prev_seq` over the primary key, newest first: one index probe an event, which saves an index that would cost every
 * append a third more. `limit` ends the recursion itself.
 */
const chainStatement: Statement = {
  name: 'read-chain',
  text: `with recursive chain as (
      select 1 as depth, ${list('e')} from events e where e.user_id = $1::uuid and e.seq = $2::bigint
      union all
      select chain.depth + 1, ${list('e')} from chain
        join events e on e.user_id = $1::uuid and e.seq = chain.prev_seq where chain.depth < $3::int
    ) select ${list('chain')} from chain order by depth`,
};

/** The memory's events from `seq` back, newest first. The next page begins at the last one's `prev_seq`. */
export function readChain(db: Queryable, userId: UserId, seq: number, limit: number): Promise<readonly EventRecord[]> {
  return db.query<EventRecord>(chainStatement, [userId, seq, limit]);
}

/** All of the memory's events from `seq` back, newest first, a page at a time. */
export async function* readWholeChain(db: Queryable, userId: UserId, seq: number): AsyncGenerator<readonly EventRecord[]> {
  for (let next = seq; next > 0; ) {
    const page = await readChain(db, userId, next, 500);
    if (page.length === 0) return;
    yield page;
    next = page.at(-1)?.prev_seq ?? 0;
  }
}

const dotsStatement: Statement = {
  name: 'read-events-of-dots',
  text: `select ${list('e')} from events e
    where e.user_id = $1::uuid and e.device = $2::int and e.counter between $3::bigint and $4::bigint order by e.counter`,
};

/** The events that a device's ops became. */
export function readEventsOfDots(
  db: Queryable,
  userId: UserId,
  device: number,
  counters: { readonly first: number; readonly last: number },
): Promise<readonly EventRecord[]> {
  return db.query<EventRecord>(dotsStatement, [userId, device, counters.first, counters.last]);
}
