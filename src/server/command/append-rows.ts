/** What an append writes, as the columns that its statements take apart with `unnest`. */
import { eventKinds } from '../../core/event.ts';
import { fieldsOf, type MemoryState } from '../../core/merge.ts';
import type { Head } from '../log/head.ts';
import { clockToBytes, stateHashToBytes } from '../log/log-bytes.ts';
import { type DeviceNames, stampsToBytes } from '../project/memory-rows.ts';
import type { GuardedPlan } from './guarded-plan.ts';

export function headParams(plans: readonly GuardedPlan[]): unknown[][] {
  const heads = plans.map(({ plan }) => plan.after);
  return [
    heads.map((head) => head.userId),
    plans.map(({ plan }) => plan.before.hash),
    heads.map((head) => head.seq),
    heads.map((head) => head.hash),
    heads.map((head) => clockToBytes(head.clock)),
    heads.map((head) => stateHashToBytes(head.stateHash)),
    heads.map((head) => head.live),
  ];
}

export function presumedParams(plans: readonly GuardedPlan[]): unknown[][] {
  return [
    plans.flatMap(({ plan, presumedNew }) => presumedNew.map(() => plan.after.userId)),
    plans.flatMap(({ presumedNew }) => presumedNew),
  ];
}

export function eventParams(plans: readonly GuardedPlan[]): unknown[][] {
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

export function memoryRows(
  plans: readonly GuardedPlan[],
  wanted: (plan: GuardedPlan, state: MemoryState) => boolean = () => true,
): unknown[][] {
  return plans.flatMap((guarded) => {
    const states = [...guarded.plan.states.values()].filter((state) => wanted(guarded, state));
    return states.map((state) => stateToParams(guarded.plan.after, state, guarded.names));
  });
}

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

export function conflictRows(plans: readonly GuardedPlan[]): unknown[][] {
  return plans.flatMap(({ plan, names }) =>
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
}

export const columns = (rows: readonly unknown[][], count: number): unknown[][] =>
  Array.from({ length: count }, (_, column) => rows.map((row) => row[column]));
