/**
 * The append of one event of one memory without conflicts, which is what a device that is online writes: the statement of
 * append-statement.ts for one user, with values in place of arrays, behind the guard of append-one-user.ts. It takes PostgreSQL 0.6
 * of the time (docs/decisions/0017).
 */
import type { Statement } from '../infra/database.ts';
import { takeHead } from './append-one-user.ts';
import { eventParams, headParams, memoryRows } from './append-rows.ts';
import { updateMemory } from './append-upserts.ts';
import type { GuardedPlan } from './guarded-plan.ts';

export const appendSingle: Statement = {
  name: 'append-single',
  text: `
with head as (
  ${takeHead.text}
), new_event as (
  insert into events (user_id, seq, device, counter, memory_id, at_ms, kind, prev_seq, wire, meta, salt, hash)
  select user_id, $9::bigint, $10::int, $11::bigint, $12::uuid, $13::bigint, $14::smallint, $15::bigint, $16::bytea, $17::bytea,
      $18::bytea, $19::bytea
    from head
), new_memory as (
  insert into memories (user_id, id, seq, deleted, erased, open_conflicts, confidence, created_ms, updated_ms, type, scope,
      content, tags, source, stamps)
  select user_id, $20::uuid, $21::bigint, $22::bool, $23::bool, $24::int, $25::float8, $26::bigint, $27::bigint, $28::text, $29::text,
      $30::text, $31::text[], $32::jsonb, $33::bytea
    from head
  ${updateMemory}
) select user_id from head`,
};

/** @returns the parameters of `appendSingle`, or null when the plans are more than it writes. */
export function singleParams(plans: readonly GuardedPlan[]): unknown[] | null {
  const [guarded] = plans;
  if (guarded === undefined || plans.length > 1) return null;
  const { events, states, conflicts } = guarded.plan;
  if (events.length !== 1 || states.size !== 1 || conflicts.size > 0) return null;
  const [, ...event] = valuesOf(eventParams(plans));
  const [, ...memory] = memoryRows(plans)[0] ?? [];
  return [...valuesOf(headParams(plans)), guarded.presumedNew, ...event, ...memory];
}

const valuesOf = (columns: readonly unknown[][]): unknown[] => columns.map(([value]) => value);
