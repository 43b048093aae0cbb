/**
 * A new lineage of a user's log, after its store was restored from a backup: what devices hold of the old one beyond the
 * present head was never here. They are told so (`epoch_mismatch`), with the seq up to which both are the same.
 */
import type { Epoch, UserId } from '../../core/ids.ts';
import type { Database, Statement } from '../infra/database.ts';
import { lockHead } from './head.ts';

// Statements of their own, in one transaction: Citus takes no INSERT inside of a WITH (docs/decisions/0014).
const endStatement: Statement = {
  name: 'end-epoch',
  text: `insert into epochs (user_id, epoch, shared_seq, ended_at)
    select h.user_id, h.epoch, h.seq, $2::timestamptz from user_heads h where h.user_id = $1::uuid`,
};

/** The chain goes on: it and the conflicts keep the first epoch. */
const beginStatement: Statement = {
  name: 'begin-epoch',
  text: 'update user_heads set epoch = $2::uuid, origin = coalesce(origin, epoch) where user_id = $1::uuid',
};

/** Nobody may write meanwhile: a device that is connected would learn of it only when it connects again. */
export async function beginEpoch(db: Database, userId: UserId, epoch: Epoch, at: Date): Promise<void> {
  await db.transaction(async (tx) => {
    await lockHead(tx, userId);
    await tx.query(endStatement, [userId, at]);
    await tx.query(beginStatement, [userId, epoch]);
  });
}
