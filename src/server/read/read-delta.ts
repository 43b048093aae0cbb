/**
 * A page of the log as its stored bytes (SYN-11): the rows are joined inside the database and handed on as one value, so a
 * cold sync costs the server two copies an event and no decoding. The head is read in the same statement, from the same
 * snapshot.
 */
import type { DeviceId, Epoch, UserId } from '../../core/ids.ts';
import { serverDeviceId } from '../../core/ids.ts';
import type { StateHash } from '../../core/state-hash.ts';
import type { StoredDelta } from '../../protocol/binary-codec.ts';
import { wireLimits } from '../../protocol/limits.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { bytesToStateHash } from '../log/log-bytes.ts';

export interface DeltaPage extends StoredDelta {
  readonly to: number;
  readonly epoch: Epoch;
  readonly head: number;
  readonly floor: number;
  /** Of the state at the head. */
  readonly stateHash: StateHash;
  /** The last counter of the asking device in this page, 0 when it has none here. */
  readonly ownCounter: number;
}

export interface DeltaRequest {
  readonly userId: UserId;
  /** Events after this seq. */
  readonly from: number;
  /** Ordinal of the asking device. */
  readonly device: number;
  readonly maxEvents?: number;
  readonly maxBytes?: number;
}

/**
 * The first event always fits, whatever its size: a delta makes progress. The order is asked for in the aggregate itself:
 * beside a `distinct` one PostgreSQL 16+ may sort the rows for that one and hand them to `string_agg` so.
 */
const readDeltaStatement: Statement = {
  name: 'read-delta',
  text: `
with page as (
  select seq, device, counter, wire, sum(octet_length(wire)) over (order by seq) as bytes from events
  where user_id = $1::uuid and seq > $2::bigint order by seq limit $3::int
), fitting as (
  select seq, device, counter, wire from page where bytes <= $4::bigint or seq = $2::bigint + 1 order by seq
), joined as (
  select count(*) as count, string_agg(wire, ''::bytea order by seq) as events,
    array(select distinct device from fitting) as ordinals,
    coalesce(max(counter) filter (where device = $5::int), 0) as own_counter from fitting
)
select h.epoch, h.seq as head, h.floor, h.state_hash, j.count, j.events, j.own_counter,
  array(select d.ordinal from devices d where d.user_id = h.user_id and d.ordinal = any(j.ordinals) order by d.ordinal) as ordinals,
  array(select d.id from devices d where d.user_id = h.user_id and d.ordinal = any(j.ordinals) order by d.ordinal) as device_ids
from user_heads h, joined j where h.user_id = $1::uuid`,
};

interface DeltaRow {
  epoch: Epoch;
  head: number;
  floor: number;
  state_hash: Buffer;
  count: number;
  events: Buffer | null;
  own_counter: number;
  ordinals: number[];
  device_ids: DeviceId[];
}

/** Null for a user that does not exist. */
export async function readDelta(db: Queryable, request: DeltaRequest): Promise<DeltaPage | null> {
  const { userId, from, device, maxEvents = wireLimits.deltaEvents, maxBytes = wireLimits.deltaBytes } = request;
  const [row] = await db.query<DeltaRow>(readDeltaStatement, [userId, from, maxEvents, maxBytes, device]);
  if (row === undefined) return null;
  const deviceByOrdinal = new Map(row.ordinals.map((ordinal, index) => [ordinal, row.device_ids[index] ?? serverDeviceId]));
  return {
    from,
    to: from + row.count,
    count: row.count,
    events: row.events ?? new Uint8Array(),
    deviceByOrdinal: deviceByOrdinal.set(0, serverDeviceId),
    epoch: row.epoch,
    head: row.head,
    floor: row.floor,
    stateHash: bytesToStateHash(row.state_hash),
    ownCounter: row.own_counter,
  };
}

const seqOfDotStatement: Statement = {
  name: 'seq-of-dot',
  text: 'select seq from events where user_id = $1::uuid and device = $2::int and counter = $3::bigint',
};

/** The seq that an op got, or null when the log does not hold it. */
export async function readSeqOfDot(db: Queryable, userId: UserId, device: number, counter: number): Promise<number | null> {
  const [row] = await db.query<{ seq: number }>(seqOfDotStatement, [userId, device, counter]);
  return row?.seq ?? null;
}
