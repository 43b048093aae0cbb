/**
 * The append of one user in statements that each name that user as a constant, as a database that is cut by user needs them
 * (docs/decisions/0014): Citus sends such a statement to the shard of the user, and takes no INSERT inside of a WITH. The guard
 * is that of append-statement.ts: the head's hash, under the row's lock (LOG-1).
 */
import type { UserId } from '../../core/ids.ts';
import type { Database, Queryable, Statement } from '../infra/database.ts';
import { columns, conflictRows, eventParams, headParams, memoryRows, presumedParams } from './append-rows.ts';
import { upsertConflicts, upsertMemories } from './append-upserts.ts';
import type { GuardedPlan } from './guarded-plan.ts';

/** An update that waited for the row looks at its hash again: then it has moved, and nothing is taken. */
export const takeHead: Statement = {
  name: 'append-head-of-user',
  text: `update user_heads h set seq = $3::bigint, hash = $4::bytea, clock = $5::bytea, state_hash = $6::bytea, live = $7::bigint
    where h.user_id = $1::uuid and h.hash = $2::bytea
      and not exists (select 1 from memories m where m.user_id = $1::uuid and m.id = any($8::uuid[]))
    returning h.user_id`,
};

const insertEvents: Statement = {
  name: 'append-events-of-user',
  text: `insert into events (user_id, seq, device, counter, memory_id, at_ms, kind, prev_seq, wire, meta, salt, hash)
    select $1::uuid, e.* from unnest($2::bigint[], $3::int[], $4::bigint[], $5::uuid[], $6::bigint[], $7::smallint[], $8::bigint[],
        $9::bytea[], $10::bytea[], $11::bytea[], $12::bytea[])
      as e(seq, device, counter, memory_id, at_ms, kind, prev_seq, wire, meta, salt, hash)`,
};

const writeMemories: Statement = { name: 'append-memories-of-user', text: upsertMemories(1, '', 'one') };
const writeConflicts: Statement = { name: 'append-conflicts-of-user', text: upsertConflicts(1, '', 'one') };

/** @param plans one, or none. @returns the user, if the plan was written. */
export async function writeOneUser(db: Queryable | Database, plans: readonly GuardedPlan[]): Promise<ReadonlySet<UserId>> {
  const [plan, second] = plans.filter((guarded) => guarded.plan.events.length > 0);
  if (second !== undefined) throw new Error('a statement is about one user');
  if (plan === undefined) return new Set();
  const isWritten = await ('transaction' in db ? db.transaction((tx) => write(tx, plan)) : write(db, plan));
  return new Set(isWritten ? [plan.plan.after.userId] : []);
}

async function write(tx: Queryable, guarded: GuardedPlan): Promise<boolean> {
  const { userId } = guarded.plan.after;
  const [, presumedNew] = presumedParams([guarded]);
  const taken = await tx.query(takeHead, [...headParams([guarded]).map(([value]) => value), presumedNew]);
  if (taken.length === 0) return false;
  await tx.query(insertEvents, [userId, ...eventParams([guarded]).slice(1)]);
  const memories = memoryRows([guarded]);
  if (memories.length > 0) await tx.query(writeMemories, [userId, ...columns(memories, 15).slice(1)]);
  const conflicts = conflictRows([guarded]);
  if (conflicts.length > 0) await tx.query(writeConflicts, [userId, ...columns(conflicts, 13).slice(1)]);
  return true;
}
