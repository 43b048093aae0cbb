/**
 * The append: heads, events, memories and conflicts of a whole group in one data-modifying statement, so in one
 * transaction and one round trip, on every engine.
 *
 * It is guarded: a user's part is written only where the head still has the seq that the plan began with, taken under the
 * row's lock (LOG-1), and where the memories that the plan took for new do not exist. The statement returns the users whose
 * part was written; the others changed meanwhile and are planned again. Heads are locked in user-id order, so two groups
 * never wait for each other in a circle.
 */
import { eventKinds } from '../../core/event.ts';
import type { MemoryId, UserId } from '../../core/ids.ts';
import { fieldsOf, type MemoryState } from '../../core/merge.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import type { Head } from '../log/head.ts';
import { clockToBytes, stateHashToBytes } from '../log/log-bytes.ts';
import { type DeviceNames, stampsToBytes } from '../project/memory-rows.ts';
import type { UserPlan } from './user-plan.ts';

export interface GuardedPlan {
  readonly plan: UserPlan;
  /** Memories that the plan took for new without having read. */
  readonly presumedNew: readonly MemoryId[];
  readonly names: DeviceNames;
}

const text = `
with plan as (
  select * from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bigint[])
    as p(user_id, was, seq, hash, clock, state_hash, live)
), locked as materialized (
  select h.user_id from user_heads h join plan p on p.user_id = h.user_id and p.was = h.seq
  where not exists (
    select 1 from unnest($8::uuid[], $9::uuid[]) as n(user_id, id)
      join memories m on m.user_id = n.user_id and m.id = n.id where n.user_id = h.user_id)
  order by h.user_id for update of h
), heads as (
  update user_heads h set seq = p.seq, hash = p.hash, clock = p.clock, state_hash = p.state_hash, live = p.live
  from plan p where h.user_id = p.user_id and p.user_id in (select user_id from locked)
  returning h.user_id
), new_events as (
  insert into events (user_id, seq, device, counter, memory_id, at_ms, kind, prev_seq, wire, meta, salt, hash)
  select * from unnest($10::uuid[], $11::bigint[], $12::int[], $13::bigint[], $14::uuid[], $15::bigint[], $16::smallint[],
      $17::bigint[], $18::bytea[], $19::bytea[], $20::bytea[], $21::bytea[])
    as e(user_id, seq, device, counter, memory_id, at_ms, kind, prev_seq, wire, meta, salt, hash)
  where e.user_id in (select user_id from locked)
), new_memories as (
  insert into memories (user_id, id, seq, deleted, erased, open_conflicts, confidence, created_ms, updated_ms, type, scope,
      content, tags, source, stamps)
  select m.user_id, id, seq, deleted, erased, open_conflicts, confidence, created_ms, updated_ms, type, scope, content,
      tags::text[], source::jsonb, stamps
    from unnest($22::uuid[], $23::uuid[], $24::bigint[], $25::bool[], $26::bool[], $27::int[], $28::float8[], $29::bigint[],
      $30::bigint[], $31::text[], $32::text[], $33::text[], $34::text[], $35::text[], $36::bytea[])
    as m(user_id, id, seq, deleted, erased, open_conflicts, confidence, created_ms, updated_ms, type, scope, content, tags,
      source, stamps)
  where m.user_id in (select user_id from locked)
  on conflict (user_id, id) do update set seq = excluded.seq, deleted = excluded.deleted, erased = excluded.erased,
    open_conflicts = excluded.open_conflicts, confidence = excluded.confidence, created_ms = excluded.created_ms,
    updated_ms = excluded.updated_ms, type = excluded.type, scope = excluded.scope, content = excluded.content,
    tags = excluded.tags, source = excluded.source, stamps = excluded.stamps
)`;

const withConflicts = `, new_conflicts as (
  insert into conflicts (user_id, id, memory_id, register, winner_seq, loser_seq, winner_device, loser_device, winner_value,
      loser_value, at_ms, resolution, resolved_seq)
  select c.user_id, id, memory_id, register, winner_seq, loser_seq, winner_device, loser_device, winner_value::jsonb,
      loser_value::jsonb, at_ms, resolution, resolved_seq
    from unnest($37::uuid[], $38::uuid[], $39::uuid[], $40::text[], $41::bigint[], $42::bigint[], $43::int[], $44::int[],
      $45::text[], $46::text[], $47::bigint[], $48::text[], $49::bigint[])
    as c(user_id, id, memory_id, register, winner_seq, loser_seq, winner_device, loser_device, winner_value, loser_value,
      at_ms, resolution, resolved_seq)
  where c.user_id in (select user_id from locked)
  on conflict (user_id, id) do update set winner_seq = excluded.winner_seq, winner_device = excluded.winner_device,
    winner_value = excluded.winner_value, resolution = excluded.resolution, resolved_seq = excluded.resolved_seq
)`;

const end = ' select user_id from heads';

/** Conflicts are rare, and thirteen empty arrays cost more than a second statement text. */
const plainStatement: Statement = { name: 'append', text: text + end };
const conflictStatement: Statement = { name: 'append-with-conflicts', text: text + withConflicts + end };

/** @returns the users whose plan was written. */
export async function writePlans(db: Queryable, plans: readonly GuardedPlan[]): Promise<ReadonlySet<UserId>> {
  const writing = plans.filter(({ plan }) => plan.events.length > 0);
  if (writing.length === 0) return new Set();
  const conflicts = conflictParams(writing);
  const params = [...headParams(writing), ...presumedParams(writing), ...eventParams(writing), ...memoryParams(writing)];
  const contested = (conflicts[0]?.length ?? 0) > 0;
  const rows = await db.query<{ user_id: UserId }>(
    contested ? conflictStatement : plainStatement,
    contested ? [...params, ...conflicts] : params,
  );
  return new Set(rows.map((row) => row.user_id));
}

function headParams(plans: readonly GuardedPlan[]): unknown[][] {
  const heads = plans.map(({ plan }) => plan.after);
  return [
    heads.map((head) => head.userId),
    plans.map(({ plan }) => plan.before.seq),
    heads.map((head) => head.seq),
    heads.map((head) => head.hash),
    heads.map((head) => clockToBytes(head.clock)),
    heads.map((head) => stateHashToBytes(head.stateHash)),
    heads.map((head) => head.live),
  ];
}

function presumedParams(plans: readonly GuardedPlan[]): unknown[][] {
  return [
    plans.flatMap(({ plan, presumedNew }) => presumedNew.map(() => plan.after.userId)),
    plans.flatMap(({ presumedNew }) => presumedNew),
  ];
}

function eventParams(plans: readonly GuardedPlan[]): unknown[][] {
  const events = plans.flatMap(({ plan }) => plan.events);
  return [
    plans.flatMap(({ plan }) => plan.events.map(() => plan.after.userId)),
    events.map((event) => event.seq),
    events.map((event) => event.device),
    events.map((event) => event.counter),
    events.map((event) => event.memoryId),
    events.map((event) => event.at),
    events.map((event) => eventKinds.indexOf(event.kind)),
    events.map((event) => event.prevSeq),
    events.map((event) => event.wire),
    events.map((event) => event.meta),
    events.map((event) => event.salt),
    events.map((event) => event.hash),
  ];
}

function memoryParams(plans: readonly GuardedPlan[]): unknown[][] {
  const rows = plans.flatMap(({ plan, names }) => [...plan.states.values()].map((state) => stateToParams(plan.after, state, names)));
  return Array.from({ length: memoryColumnCount }, (_, column) => rows.map((row) => row[column]));
}

const memoryColumnCount = 15;

function stateToParams(head: Head, state: MemoryState, names: DeviceNames): unknown[] {
  const fields = fieldsOf(state);
  return [
    head.userId,
    state.id,
    state.seq,
    fields.deleted,
    state.erased,
    state.conflicts.length,
    fields.confidence,
    state.createdAt,
    state.updatedAt,
    fields.type,
    fields.scope,
    fields.content,
    textArray(fields.tags),
    fields.source === null ? null : JSON.stringify(fields.source),
    stampsToBytes(state.cells, names),
  ];
}

/** A text[] in PostgreSQL's array syntax: rows have tag lists of different lengths, which `unnest` cannot take apart. */
function textArray(items: readonly string[]): string {
  return `{${items.map((item) => `"${item.replace(/["\\]/g, '\\$&')}"`).join(',')}}`;
}

function conflictParams(plans: readonly GuardedPlan[]): unknown[][] {
  const rows = plans.flatMap(({ plan, names }) =>
    Array.from(plan.conflicts.values(), (conflict) => [
      plan.after.userId,
      conflict.id,
      conflict.memoryId,
      conflict.register,
      conflict.winnerSeq,
      conflict.loserSeq,
      names.ordinalOf(conflict.winnerDevice),
      names.ordinalOf(conflict.loserDevice),
      JSON.stringify(conflict.winnerValue),
      JSON.stringify(conflict.loserValue),
      conflict.at,
      conflict.resolution,
      conflict.resolvedSeq,
    ]),
  );
  return Array.from({ length: conflictColumnCount }, (_, column) => rows.map((row) => row[column]));
}

const conflictColumnCount = 13;
