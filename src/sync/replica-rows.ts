/** How an event changes a device's row of its memory: what it wrote, minus what it lost (SYN-4). */

import type { Change } from '../core/change.ts';
import type { Hlc } from '../core/clock.ts';
import type { LogEvent } from '../core/event.ts';
import type { MemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import { type RegisterName, tagOf, type Write } from '../core/register.ts';

export interface AppliedChange {
  readonly id: MemoryId;
  readonly seq: number;
  readonly change: Change;
  /** Registers of the change that lost. */
  readonly lost: readonly RegisterName[];
  readonly hlc: Hlc;
  /** Server time of acceptance, Unix ms. */
  readonly at: number;
}

export function withChange(row: Memory | null, { id, seq, change, lost, hlc, at }: AppliedChange): Memory {
  const fields: MutableFields = row === null ? { ...emptyFields } : { ...row };
  let won = false;
  let tags: Set<string> | null = null;
  for (const write of change.writes) {
    if (lost.length > 0 && lost.includes(write.register)) continue;
    won = true;
    const tag = tagOf(write.register);
    if (tag === null) fields[write.register] = write.value;
    else {
      tags ??= new Set(row?.tags);
      if (write.value === true) tags.add(tag);
      else tags.delete(tag);
    }
  }
  fields['id'] = id;
  fields['seq'] = seq;
  fields['createdAt'] = row?.createdAt ?? Math.max(0, Math.min(change.createdAt ?? hlc.ms, at));
  fields['updatedAt'] = won ? Math.max(row?.updatedAt ?? 0, hlc.ms) : (row?.updatedAt ?? hlc.ms);
  if (tags !== null) fields['tags'] = [...tags].sort();
  // Every register is a field of the memory, and the server checked the values.
  return fields as unknown as Memory;
}

/** The row that stands for an erased memory: its id is never used again. */
export function erasedRow({ memoryId, seq, hlc, change }: LogEvent, row: Memory | null): Memory {
  // The erasing event keeps the time of creation: once the others are blank, a device that is new finds it nowhere else.
  const createdAt = change?.createdAt ?? row?.createdAt ?? hlc.ms;
  const updatedAt = Math.max(row?.updatedAt ?? 0, hlc.ms);
  return { ...emptyFields, id: memoryId, seq, deleted: true, erased: true, createdAt, updatedAt };
}

/** The writes that make `to` what `from` is; null stands for a memory that is not there. */
export function writesBetween(to: Memory | null, from: Memory): Write[] {
  const writes: Write[] = [];
  for (const register of ['content', 'type', 'scope', 'confidence', 'source', 'deleted'] as const) {
    const value = from[register];
    if (JSON.stringify(value) !== JSON.stringify((to ?? emptyFields)[register]) || (to === null && isRequired(register)))
      writes.push({ register, value });
  }
  for (const tag of from.tags) if (to?.tags.includes(tag) !== true) writes.push({ register: `tags/${tag}`, value: true });
  for (const tag of to?.tags ?? []) if (!from.tags.includes(tag)) writes.push({ register: `tags/${tag}`, value: false });
  return writes;
}

type MutableFields = Record<string, unknown>;

const isRequired = (register: RegisterName): boolean => register === 'content' || register === 'type' || register === 'scope';

const emptyFields = {
  content: '',
  type: 'fact',
  scope: 'user_global',
  confidence: null,
  source: null,
  tags: [],
  deleted: false,
  erased: false,
} as const;
