/** A plan becomes events (LOG-7). */
import type { ErrorCode } from '../../core/errors.ts';
import type { MemoryId } from '../../core/ids.ts';
import type { Memory } from '../../core/memory.ts';
import type { MemoryCommands, Refusal, Writer } from '../command/memory-commands.ts';
import { excerpt, type Skipped } from './candidate.ts';
import type { Message } from './conversation.ts';
import type { ChangeStep, CreateStep, Plan } from './plan.ts';

export interface CreatedMemory {
  readonly memory: Memory;
  readonly messages: readonly Message[];
}

export interface ChangedMemory extends CreatedMemory {
  /** `update`: it says more. `supersede`: it says what replaced it. What it said before is in its history. */
  readonly action: 'update' | 'supersede';
  readonly before: Memory;
}

export interface PlanResult {
  readonly created: readonly CreatedMemory[];
  readonly updated: readonly ChangedMemory[];
  readonly skipped: readonly Skipped[];
}

export async function writePlan(memories: MemoryCommands, writer: Writer, plan: Plan): Promise<PlanResult> {
  // All at once: the append makes groups of them.
  const steps = [
    ...plan.create.map((step) => createOne(memories, writer, step)),
    ...plan.change.map((step) => changeOne(memories, writer, step)),
  ];
  const results = await Promise.all(steps);
  return {
    created: results.flatMap(({ created = [] }) => created),
    updated: results.flatMap(({ updated = [] }) => updated),
    skipped: [...plan.skipped, ...results.flatMap(({ skipped = [] }) => skipped)],
  };
}

/** The same without writing. @param now Unix ms. */
export function showPlan({ create, change, skipped }: Plan, now: number): PlanResult {
  const isNew = { seq: 0, deleted: false, erased: false, createdAt: now, updatedAt: now } as const;
  return {
    created: create.map(({ id, fields, messages }) => ({ memory: { ...fields, id, ...isNew }, messages })),
    updated: change.map(({ action, memory, fields, messages }) => ({
      action,
      memory: { ...memory, ...fields },
      before: memory,
      messages,
    })),
    skipped,
  };
}

async function createOne(memories: MemoryCommands, writer: Writer, step: CreateStep): Promise<Partial<PlanResult>> {
  const { id, fields, messages } = step;
  const result = await memories.create(writer, id, fields);
  // An id that was there with the same fields is that of an ingestion which was cut short.
  if (result.ok) return { created: [{ memory: result.value.memory, messages }] };
  return { skipped: [{ content: excerpt(fields.content), reason: reasonOf(result.error, id), memoryId: id }] };
}

const reasonByCode: Readonly<Partial<Record<ErrorCode, Skipped['reason']>>> = {
  // It was changed or deleted since it came of this very message: whoever did that has the last word.
  memory_exists: 'already_ingested',
  erased_memory: 'erased',
  invalid_request: 'invalid',
  too_many_tags: 'invalid',
};

function reasonOf({ code }: Refusal, id: MemoryId): Skipped['reason'] {
  const reason = reasonByCode[code];
  if (reason === undefined) throw new Error(`creating ${id} was refused: ${code}`);
  return reason;
}

async function changeOne(memories: MemoryCommands, writer: Writer, step: ChangeStep): Promise<Partial<PlanResult>> {
  const { action, memory: before, fields, messages, otherwise } = step;
  const result = await memories.update(writer, before.id, fields, [before.seq]);
  if (!result.ok) return createOne(memories, writer, otherwise);
  const { memory, changed } = result.value;
  if (changed) return { updated: [{ action, memory, before, messages }] };
  return { skipped: [{ content: excerpt(memory.content), reason: 'duplicate', memoryId: memory.id }] };
}
