/**
 * SYN-12: deleted memories that nobody can miss any more. An erased one stays, so that its id is never used again, and so
 * does one with an open conflict, which somebody may want back.
 */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { dropVectors } from './vector-heads.ts';

/** A row of a deleted memory. */
export interface Tombstone {
  readonly id: MemoryId;
  readonly seq: number;
}

export interface TombstoneFilter {
  readonly userId: UserId;
  /** The last event of the memory was accepted before this, Unix ms. */
  readonly deletedBefore: number;
  /** Devices seen since must have confirmed it, Unix ms. */
  readonly seenAfter: number;
  readonly limit: number;
}

/**
 * A device that has confirmed nothing, cursor 0, holds nothing: it gets a snapshot, and holds back nobody. So a script that
 * only ever used REST does not keep tombstones for ever.
 */
const readStatement: Statement = {
  name: 'read-tombstones',
  text: `select m.id, m.seq from memories m join events e on e.user_id = $1::uuid and e.seq = m.seq
    where m.user_id = $1::uuid and m.deleted and not m.erased and m.open_conflicts = 0 and e.at_ms < $2::bigint
      and not exists (select 1 from devices d where d.user_id = $1::uuid and d.revoked_at is null
        and d.last_seen_at > $3::timestamptz and d.cursor > 0 and d.cursor < m.seq)
    order by m.seq limit $4::int`,
};

/** Oldest first. */
export function readTombstones(db: Queryable, filter: TombstoneFilter): Promise<readonly Tombstone[]> {
  const { userId, deletedBefore, seenAfter, limit } = filter;
  return db.query<Tombstone>(readStatement, [userId, deletedBefore, new Date(seenAfter), limit]);
}

/** Conflicts that were resolved go with their memory, and so do its statistics and vectors. The events stay. */
const deleteStatement: Statement = {
  name: 'delete-tombstones',
  text: `with head as (
      update user_heads set floor = $2::bigint where user_id = $1::uuid
    ), resolved as (
      delete from conflicts where user_id = $1::uuid and memory_id = any($3::uuid[])
    ), accesses as (
      delete from memory_accesses where user_id = $1::uuid and memory_id = any($3::uuid[])
    )
    delete from memories where user_id = $1::uuid and id = any($3::uuid[])`,
};

/** Runs in the transaction that wrote the event, which holds the head. */
export async function deleteTombstones(
  tx: Queryable,
  userId: UserId,
  { floor, ids }: { readonly floor: number; readonly ids: readonly MemoryId[] },
): Promise<void> {
  await tx.query(deleteStatement, [userId, floor, ids]);
  await dropVectors(tx, userId, ids);
}
