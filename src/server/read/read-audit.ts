/**
 * The events of a user by any filter, read along the primary key. A request looks at no more than `scanEvents`: a page may
 * hold fewer events than asked, or none, and still have a next one.
 */
import { sql } from 'kysely';
import { eventKinds } from '../../core/event.ts';
import type { DeviceId, MemoryId, UserId } from '../../core/ids.ts';
import type { EventKind } from '../../core/merge.ts';
import type { Queryable } from '../infra/database.ts';
import { readHead } from '../log/head.ts';
import { bytesToMeta } from '../log/log-bytes.ts';
import type { EventRecord } from '../log/read-events.ts';
import { type DeviceByOrdinal, readDeviceNames } from './device-names.ts';
import { type EventView, recordToView } from './event-view.ts';

/** Times are Unix ms of acceptance; all bounds are inclusive. */
export interface AuditFilter {
  readonly memoryId?: MemoryId | undefined;
  /** The device that was used, or the replica that wrote. */
  readonly deviceId?: DeviceId | undefined;
  readonly kind?: EventKind | undefined;
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  readonly fromSeq?: number | undefined;
  readonly toSeq?: number | undefined;
}

export interface AuditRequest {
  readonly userId: UserId;
  readonly filter: AuditFilter;
  readonly order: 'asc' | 'desc';
  /** The last seq that was looked at. */
  readonly after: number | null;
  readonly limit: number;
}

export interface AuditPage {
  readonly events: readonly EventView[];
  readonly next: number | null;
}

/** About 100 ms of PostgreSQL when nothing matches. */
const scanEvents = 50_000;

/** Rows that SQL hands over at once; which device was used stands in their meta, so that filter comes after it. */
const batchEvents = 1_000;

export async function readAudit(db: Queryable, request: AuditRequest): Promise<AuditPage> {
  const { userId, filter, order, limit } = request;
  const head = await readHead(db, userId);
  const devices = await readDeviceNames(db, userId);
  const range = rangeOf(request, head?.seq ?? 0);
  const used = filter.deviceId === undefined ? null : ordinalOf(devices, filter.deviceId);
  const found: EventRecord[] = [];
  if (used !== undefined) {
    for await (const record of scan(db, request, range)) {
      if (used === null || isUsed(record, used)) found.push(record);
      if (found.length === limit) break;
    }
  }
  const last = found.length === limit ? (found.at(-1)?.seq ?? 0) : order === 'asc' ? range.high : range.low;
  const end = order === 'asc' ? range.end.high : range.end.low;
  return {
    events: found.map((record) => recordToView(record, devices)),
    next: last === end || range.low > range.high ? null : last,
  };
}

interface Range {
  /** First and last seq to look at now. */
  readonly low: number;
  readonly high: number;
  /** Of all that is asked for. */
  readonly end: { readonly low: number; readonly high: number };
}

function rangeOf({ filter, order, after }: AuditRequest, head: number): Range {
  const end = { low: Math.max(1, filter.fromSeq ?? 1), high: Math.min(head, filter.toSeq ?? head) };
  if (order === 'asc') {
    const low = Math.max(end.low, after === null ? 1 : after + 1);
    return { low, high: Math.min(end.high, low + scanEvents - 1), end };
  }
  const high = Math.min(end.high, after === null ? head : after - 1);
  return { low: Math.max(end.low, high - scanEvents + 1), high, end };
}

async function* scan(db: Queryable, { userId, filter, order }: AuditRequest, range: Range): AsyncGenerator<EventRecord> {
  let { low, high } = range;
  while (low <= high) {
    const page = await readBatch(db, { userId, filter, order, low, high });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < batchEvents) return;
    if (order === 'asc') low = last.seq + 1;
    else high = last.seq - 1;
  }
}

interface Batch extends Pick<AuditRequest, 'userId' | 'filter' | 'order'> {
  readonly low: number;
  readonly high: number;
}

async function readBatch(db: Queryable, { userId, filter, order, low, high }: Batch): Promise<readonly EventRecord[]> {
  const { memoryId, kind, from, to } = filter;
  const rows = await db.kysely
    .selectFrom('events')
    .selectAll()
    .where('user_id', '=', userId)
    .where(sql<boolean>`seq between ${low}::bigint and ${high}::bigint`)
    .$if(memoryId !== undefined, (query) => query.where('memory_id', '=', memoryId ?? ''))
    .$if(kind !== undefined, (query) => query.where('kind', '=', kind === undefined ? 0 : eventKinds.indexOf(kind)))
    .$if(from !== undefined, (query) => query.where('at_ms', '>=', from ?? 0))
    .$if(to !== undefined, (query) => query.where('at_ms', '<=', to ?? 0))
    .orderBy('seq', order)
    .limit(batchEvents)
    .execute();
  return rows as unknown as readonly EventRecord[];
}

/** Undefined: the user has no such device, so no event matches. */
function ordinalOf(devices: DeviceByOrdinal, id: DeviceId): number | undefined {
  for (const [ordinal, device] of devices) if (device.id === id) return ordinal;
  return undefined;
}

const isUsed = (record: EventRecord, ordinal: number): boolean =>
  record.device === ordinal || bytesToMeta(record.meta).actor === ordinal;
