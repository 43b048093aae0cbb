/**
 * A new lineage of a user's log, after its store was restored from a backup: what devices hold of the old one beyond the
 * present head was never here. They are told so (`epoch_mismatch`), with the seq up to which both are the same.
 */
import type { Epoch, UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';

/** One statement, so one commit. The chain goes on: it and the conflicts keep the first epoch. */
const statement: Statement = {
  name: 'begin-epoch',
  text: `with head as materialized (
      select user_id, epoch, seq from user_heads where user_id = $1::uuid for update
    ), ended as (
      insert into epochs (user_id, epoch, shared_seq, ended_at) select user_id, epoch, seq, $3::timestamptz from head
    )
    update user_heads h set epoch = $2::uuid, origin = coalesce(h.origin, h.epoch) from head
    where h.user_id = $1::uuid and head.user_id = h.user_id`,
};

/** Nobody may write meanwhile: a device that is connected would learn of it only when it connects again. */
export async function beginEpoch(db: Queryable, userId: UserId, epoch: Epoch, at: Date): Promise<void> {
  await db.query(statement, [userId, epoch, at]);
}
