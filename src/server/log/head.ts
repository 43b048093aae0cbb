/** The head of a user's log: where the next event goes, and what it follows on. */
import { type DeviceId, type Epoch, serverDeviceId, type UserId } from '../../core/ids.ts';
import type { StateHash } from '../../core/state-hash.ts';
import type { VectorClock } from '../../core/vector-clock.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { bytesToClock, bytesToStateHash } from './log-bytes.ts';

export interface Head {
  readonly userId: UserId;
  readonly epoch: Epoch;
  /** The log's first epoch, with which its chain and the ids of its conflicts begin. */
  readonly origin: Epoch;
  readonly seq: number;
  readonly floor: number;
  /** Of the newest event. */
  readonly hash: Uint8Array;
  /** What the whole log has seen: for each device its last counter. */
  readonly clock: VectorClock;
  readonly stateHash: StateHash;
  /** Memories that are not deleted. */
  readonly live: number;
  readonly deviceByOrdinal: ReadonlyMap<number, DeviceId>;
}

interface HeadRow {
  user_id: UserId;
  epoch: Epoch;
  origin: Epoch;
  seq: number;
  floor: number;
  hash: Buffer;
  clock: Buffer;
  state_hash: Buffer;
  live: number;
  ordinals: number[];
  device_ids: DeviceId[];
}

const columns = `h.user_id, h.epoch, coalesce(h.origin, h.epoch) as origin, h.seq, h.floor, h.hash, h.clock, h.state_hash, h.live,
  array(select d.ordinal from devices d where d.user_id = h.user_id order by d.ordinal) as ordinals,
  array(select d.id from devices d where d.user_id = h.user_id order by d.ordinal) as device_ids`;

const readHeadsStatement: Statement = {
  name: 'read-heads',
  text: `select ${columns} from user_heads h where h.user_id = any($1::uuid[])`,
};

/** One user is asked for as a constant: a database that is cut by user sends it to one place (docs/decisions/0014). */
const readHeadStatement: Statement = {
  name: 'read-head',
  text: `select ${columns} from user_heads h where h.user_id = $1::uuid`,
};

/** Alone in its statement: what is read after it has a snapshot that is not older than the lock. */
const lockHeadStatement: Statement = {
  name: 'lock-head',
  text: 'select 1 from user_heads where user_id = $1::uuid for update',
};

export async function readHeads(db: Queryable, userIds: readonly UserId[]): Promise<Head[]> {
  const [first] = userIds;
  const rows =
    userIds.length === 1
      ? await db.query<HeadRow>(readHeadStatement, [first])
      : await db.query<HeadRow>(readHeadsStatement, [userIds]);
  return rows.map(toHead);
}

/** The head, or null for a user that does not exist. */
export async function readHead(db: Queryable, userId: UserId): Promise<Head | null> {
  const [head] = await readHeads(db, [userId]);
  return head ?? null;
}

/** Holds the user's head until the transaction ends: nobody else appends to this log meanwhile. */
export async function lockHead(tx: Queryable, userId: UserId): Promise<void> {
  await tx.query(lockHeadStatement, [userId]);
}

function toHead(row: HeadRow): Head {
  const deviceByOrdinal = new Map<number, DeviceId>([[0, serverDeviceId]]);
  row.ordinals.forEach((ordinal, index) => {
    deviceByOrdinal.set(ordinal, row.device_ids[index] ?? serverDeviceId);
  });
  return {
    userId: row.user_id,
    epoch: row.epoch,
    origin: row.origin,
    seq: row.seq,
    floor: row.floor,
    hash: row.hash,
    clock: bytesToClock(row.clock),
    stateHash: bytesToStateHash(row.state_hash),
    live: row.live,
    deviceByOrdinal,
  };
}
