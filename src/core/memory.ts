/** What a memory is: its fields and their bounds. */
import type { MemoryId } from './ids.ts';

/** Bounds of one memory. Characters are Unicode code points. */
export const memoryLimits = {
  contentChars: 10_000,
  tags: 64,
  tagChars: 64,
  /** Present and removed tags together: removed ones are remembered, or a late add could not be ordered against them. */
  tagRegisters: 1_024,
  sourceUrlChars: 2_048,
  sourceTextChars: 512,
} as const;

export const memoryTypes = ['preference', 'fact', 'task', 'project', 'meta'] as const;
export const memoryScopes = ['user_global', 'session', 'site', 'conversation'] as const;

export type MemoryType = (typeof memoryTypes)[number];
export type MemoryScope = (typeof memoryScopes)[number];

/** Where a memory came from. `timestamp` is ISO 8601. */
export interface Source {
  readonly url?: string | undefined;
  readonly platform?: string | undefined;
  readonly timestamp?: string | undefined;
  readonly conversationId?: string | undefined;
  readonly title?: string | undefined;
}

/** The fields that a caller writes. Tags are sorted by code unit and distinct. */
export interface MemoryFields {
  readonly content: string;
  readonly type: MemoryType;
  readonly scope: MemoryScope;
  readonly confidence: number | null;
  readonly source: Source | null;
  readonly tags: readonly string[];
}

/** A memory as it stands. Times are Unix ms; `seq` is that of the last event that touched it. */
export interface Memory extends MemoryFields {
  readonly id: MemoryId;
  readonly seq: number;
  readonly deleted: boolean;
  /** Content and history were erased for good; `content` is then empty. */
  readonly erased: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Text that UTF-8 and PostgreSQL can hold: no NUL, no lone surrogate. */
export function isStorable(value: string): boolean {
  return value.isWellFormed() && !value.includes('\0');
}

/** Whether the text has at most so many characters. */
export function isWithin(value: string, max: number): boolean {
  return value.length <= max || countCodePoints(value, max) <= max;
}

/** Stops counting once it is sure that there are more than `enough`, so that huge input costs little. */
function countCodePoints(value: string, enough: number): number {
  if (value.length > 2 * enough) return value.length;
  let count = 0;
  for (const _ of value) count++;
  return count;
}
