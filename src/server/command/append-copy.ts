/** Events and new memories of a large group as binary COPY: half the server's time of an INSERT of the same rows. */
import { eventKinds } from '../../core/event.ts';
import { idToBytes } from '../../core/ids.ts';
import { fieldsOf, type MemoryState } from '../../core/merge.ts';
import { CopyWriter } from '../infra/copy-writer.ts';
import { stampsToBytes } from '../project/memory-rows.ts';
import type { GuardedPlan } from './guarded-plan.ts';

export const copyEvents = `copy events (user_id, seq, device, counter, memory_id, at_ms, kind, prev_seq, wire, meta, salt, hash)
  from stdin with (format binary)`;

export function eventsToCopy(plans: readonly GuardedPlan[]): Buffer {
  const copy = new CopyWriter();
  for (const { plan } of plans) {
    const userId = idToBytes(plan.after.userId);
    for (const event of plan.events) {
      copy.row(12).bytes(userId).int8(event.seq).int4(event.device).int8(event.counter).bytes(idToBytes(event.memoryId));
      copy.int8(event.at).int2(eventKinds.indexOf(event.kind)).int8(event.prevSeq).bytes(event.wire).bytes(event.meta);
      copy.bytes(event.salt).bytes(event.hash);
    }
  }
  return copy.end();
}

export const copyMemories = `copy memories (user_id, id, seq, deleted, erased, open_conflicts, confidence, created_ms, updated_ms, type,
  scope, content, tags, source, stamps) from stdin with (format binary)`;

export function memoriesToCopy(
  plans: readonly GuardedPlan[],
  wanted: (plan: GuardedPlan, state: MemoryState) => boolean,
): Buffer {
  const copy = new CopyWriter();
  for (const guarded of plans) {
    const userId = idToBytes(guarded.plan.after.userId);
    for (const state of guarded.plan.states.values()) {
      if (wanted(guarded, state)) copyMemory(copy, userId, state, stampsToBytes(state.cells, guarded.names));
    }
  }
  return copy.end();
}

function copyMemory(copy: CopyWriter, userId: Uint8Array, state: MemoryState, stamps: Uint8Array): void {
  const { content, type, scope, confidence, source, tags, deleted } = fieldsOf(state);
  copy
    .row(15)
    .bytes(userId)
    .bytes(idToBytes(state.id))
    .int8(state.seq)
    .bool(deleted)
    .bool(state.erased)
    .int4(state.conflicts.length);
  if (confidence === null) copy.null();
  else copy.float8(confidence);
  copy.int8(state.createdAt).int8(state.updatedAt).text(type).text(scope).text(content).textArray(tags);
  if (source === null) copy.null();
  else copy.jsonb(JSON.stringify(source));
  copy.bytes(stamps);
}
