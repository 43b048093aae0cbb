/** How an event changes a device's row of its memory: what it wrote, minus what it lost (SYN-4). */

import type { Change } from '../core/change.ts';
import type { Hlc } from '../core/clock.ts';
import type { LogEvent } from '../core/event.ts';
import { type MemoryId, nilMemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import { type FieldRegister, type RegisterName, type RegisterValue, tagOf, type Write } from '../core/register.ts';

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

/** @param nameTag the tag of a register, null for the others; a caller of many may give the same text for the same tag. */
export function withChange(
  row: Memory | null,
  { id, seq, change, lost, hlc, at }: AppliedChange,
  nameTag: (register: RegisterName) => string | null = tagOf,
): Memory {
  const next = row === null ? newRow(id, Math.max(0, Math.min(change.createdAt ?? hlc.ms, at))) : copyOf(row);
  let won = false;
  let tags = next.tags;
  for (const { register, value } of change.writes) {
    if (lost.length > 0 && lost.includes(register)) continue;
    won = true;
    const tag = nameTag(register);
    if (tag === null) writeField(next, register as FieldRegister, value);
    else tags = withTag(tags, tag, value === true);
  }
  next.seq = seq;
  if (won || row === null) next.updatedAt = Math.max(next.updatedAt, hlc.ms);
  if (tags !== next.tags) next.tags = tags.length > 1 ? tags.toSorted() : tags;
  return next;
}

/** The row that stands for an erased memory: its id is never used again. */
export function erasedRow({ memoryId, seq, hlc, change }: LogEvent, row: Memory | null): Memory {
  // The erasing event keeps the time of creation: once the others are blank, a device that is new finds it nowhere else.
  const createdAt = change?.createdAt ?? row?.createdAt ?? hlc.ms;
  // The stamp of the erasure alone, as on the server, whose rebuild finds no other: it is earlier than the row's where the
  // server's clock was set back.
  return { ...newRow(memoryId, createdAt), seq, updatedAt: hlc.ms, deleted: true, erased: true };
}

/** The writes that make `to` what `from` is; null stands for a memory that is not there. */
export function writesBetween(to: Memory | null, from: Memory): Write[] {
  const writes: Write[] = [];
  for (const register of ['content', 'type', 'scope', 'confidence', 'source', 'deleted'] as const) {
    const value = from[register];
    if (JSON.stringify(value) !== JSON.stringify((to ?? nothing)[register]) || (to === null && isRequired(register)))
      writes.push({ register, value });
  }
  for (const tag of from.tags) if (to?.tags.includes(tag) !== true) writes.push({ register: `tags/${tag}`, value: true });
  for (const tag of to?.tags ?? []) if (!from.tags.includes(tag)) writes.push({ register: `tags/${tag}`, value: false });
  return writes;
}

/**
 * Rows are objects of one shape, that of a snapshot's memories too: written by its names, in one order. One that is built
 * register by register becomes a hash table of its own, at three times the bytes and a tenth of the speed.
 */
type Draft = { -readonly [Field in keyof Memory]: Memory[Field] };

function newRow(id: MemoryId, createdAt: number): Draft {
  return {
    id,
    seq: 0,
    createdAt,
    updatedAt: 0,
    deleted: false,
    erased: false,
    content: '',
    type: 'fact',
    scope: 'user_global',
    confidence: null,
    source: null,
    tags: noTags,
  };
}

const noTags: readonly string[] = [];

function copyOf({
  id,
  seq,
  createdAt,
  updatedAt,
  deleted,
  erased,
  content,
  type,
  scope,
  confidence,
  source,
  tags,
}: Memory): Draft {
  return { id, seq, createdAt, updatedAt, deleted, erased, content, type, scope, confidence, source, tags };
}

/** Every register is a field of the memory, and the server checked the values. */
function writeField(draft: Draft, register: FieldRegister, value: RegisterValue): void {
  switch (register) {
    case 'content':
      draft.content = value as Memory['content'];
      return;
    case 'type':
      draft.type = value as Memory['type'];
      return;
    case 'scope':
      draft.scope = value as Memory['scope'];
      return;
    case 'confidence':
      draft.confidence = value as Memory['confidence'];
      return;
    case 'source':
      draft.source = value as Memory['source'];
      return;
    case 'deleted':
      draft.deleted = value as Memory['deleted'];
  }
}

/** Another list, of just the size that it needs: one that grows, as a spread does, keeps room for sixteen more. */
function withTag(tags: readonly string[], tag: string, isPresent: boolean): readonly string[] {
  if (tags.includes(tag) === isPresent) return tags;
  if (!isPresent) return tags.filter((other) => other !== tag);
  return tags.length === 0 ? [tag] : tags.concat(tag);
}

const isRequired = (register: RegisterName): boolean => register === 'content' || register === 'type' || register === 'scope';

const nothing: Memory = newRow(nilMemoryId, 0);
