/**
 * The append: heads, events, memories and conflicts of a whole group, in one transaction. A small group is one
 * data-modifying statement and one round trip, a single event a narrower one; a large group goes in by COPY.
 *
 * It is guarded: a user's part is written only where the head is still the one that the plan began with, taken under the
 * row's lock (LOG-1), and where the memories that the plan took for new do not exist. The statement returns the users whose
 * part was written; the others changed meanwhile and are planned again. Heads are locked in user-id order, so two groups
 * never wait for each other in a circle.
 */
import type { UserId } from '../../core/ids.ts';
import type { MemoryState } from '../../core/merge.ts';
import type { Database, Queryable, Statement } from '../infra/database.ts';
import { copyEvents, copyMemories, eventsToCopy, memoriesToCopy } from './append-copy.ts';
import { columns, conflictRows, eventParams, headParams, memoryRows, presumedParams } from './append-rows.ts';
import { appendSingle, singleParams } from './append-single.ts';
import { upsertConflicts, upsertMemories } from './append-upserts.ts';
import type { GuardedPlan } from './guarded-plan.ts';

/** Takes the heads (LOG-1): `heads` is then the users whose plan goes in. A head's hash stands for the whole log up to it. */
const takeHeads = `
with plan as (
  select * from unnest($1::uuid[], $2::bytea[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bigint[])
    as p(user_id, was, seq, hash, clock, state_hash, live)
), mistaken as materialized (
  select n.user_id from unnest($8::uuid[], $9::uuid[]) as n(user_id, id),
    lateral (select 1 from memories m where m.user_id = n.user_id and m.id = n.id limit 1) as existing
), locked as materialized (
  select h.user_id from user_heads h join plan p on p.user_id = h.user_id and p.was = h.hash
  where h.user_id not in (select user_id from mistaken)
  order by h.user_id for update of h
), heads as (
  update user_heads h set seq = p.seq, hash = p.hash, clock = p.clock, state_hash = p.state_hash, live = p.live
  from plan p where h.user_id = p.user_id and p.user_id in (select user_id from locked)
  returning h.user_id
)`;

const insertEvents = `, new_events as (
  insert into events (user_id, seq, device, counter, memory_id, at_ms, kind, prev_seq, wire, meta, salt, hash)
  select * from unnest($10::uuid[], $11::bigint[], $12::int[], $13::bigint[], $14::uuid[], $15::bigint[], $16::smallint[],
      $17::bigint[], $18::bytea[], $19::bytea[], $20::bytea[], $21::bytea[])
    as e(user_id, seq, device, counter, memory_id, at_ms, kind, prev_seq, wire, meta, salt, hash)
  where e.user_id in (select user_id from locked)
)`;

const ofLocked = (alias: string): string => `where ${alias}.user_id in (select user_id from locked)`;
const end = ' select user_id from heads';
const small = `${takeHeads}${insertEvents}, new_memories as (${upsertMemories(22, ofLocked('m'))})`;

const statements = {
  heads: { name: 'append-heads', text: takeHeads + end },
  /** Conflicts are rare, and thirteen empty arrays cost more than a second statement text. */
  small: { name: 'append', text: small + end },
  smallWithConflicts: {
    name: 'append-with-conflicts',
    text: `${small}, new_conflicts as (${upsertConflicts(37, ofLocked('c'))})${end}`,
  },
  memories: { name: 'append-memories', text: upsertMemories(1, '') },
  conflicts: { name: 'append-conflicts', text: upsertConflicts(1, '') },
} as const satisfies Readonly<Record<string, Statement>>;

/** From here on COPY in a transaction is quicker than one statement (docs/decisions), in events. */
const bulkFrom = 128;

export const isWrittenByCopy = (plans: readonly GuardedPlan[]): boolean => countEvents(plans) >= bulkFrom;

/** @returns the users whose plan was written. */
export async function writePlans(db: Queryable | Database, plans: readonly GuardedPlan[]): Promise<ReadonlySet<UserId>> {
  const writing = plans.filter(({ plan }) => plan.events.length > 0);
  if (writing.length === 0) return new Set();
  if (!isWrittenByCopy(writing)) return writeSmall(db, writing);
  return 'transaction' in db ? db.transaction((tx) => writeBulk(tx, writing)) : writeBulk(db, writing);
}

const countEvents = (plans: readonly GuardedPlan[]): number => plans.reduce((sum, { plan }) => sum + plan.events.length, 0);

async function writeSmall(db: Queryable, plans: readonly GuardedPlan[]): Promise<ReadonlySet<UserId>> {
  const single = singleParams(plans);
  if (single !== null) return usersIn(await db.query(appendSingle, single));
  const params = [...headParams(plans), ...presumedParams(plans), ...eventParams(plans), ...columns(memoryRows(plans), 15)];
  const conflicts = conflictRows(plans);
  const statement = conflicts.length > 0 ? statements.smallWithConflicts : statements.small;
  const rows = await db.query<{ user_id: UserId }>(
    statement,
    conflicts.length > 0 ? [...params, ...columns(conflicts, 13)] : params,
  );
  return usersIn(rows);
}

const usersIn = (rows: readonly { readonly user_id: UserId }[]): ReadonlySet<UserId> => new Set(rows.map((row) => row.user_id));

/** The same in one transaction of several statements, events and new memories by COPY. */
async function writeBulk(tx: Queryable, all: readonly GuardedPlan[]): Promise<ReadonlySet<UserId>> {
  const rows = await tx.query<{ user_id: UserId }>(statements.heads, [...headParams(all), ...presumedParams(all)]);
  const taken = usersIn(rows);
  const plans = all.filter(({ plan }) => taken.has(plan.after.userId));
  await tx.copyIn(copyEvents, eventsToCopy(plans));
  const isNew = ({ plan }: GuardedPlan, state: MemoryState): boolean => plan.created.has(state.id);
  await tx.copyIn(copyMemories, memoriesToCopy(plans, isNew));
  const changed = memoryRows(plans, (plan, state) => !isNew(plan, state));
  if (changed.length > 0) await tx.query(statements.memories, columns(changed, 15));
  const conflicts = conflictRows(plans);
  if (conflicts.length > 0) await tx.query(statements.conflicts, columns(conflicts, 13));
  return taken;
}
