/** What a memory is: its fields, their bounds, and the zod schemas that every door checks them with. */
import { z } from 'zod';
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

export const contentSchema = text(memoryLimits.contentChars);
export const typeSchema = z.enum(memoryTypes);
export const scopeSchema = z.enum(memoryScopes);
export const confidenceSchema = z.number().min(0).max(1);
export const tagSchema = text(memoryLimits.tagChars).refine((tag) => tag !== '__proto__', 'is not a possible tag');
export const sourceSchema = z
  .strictObject({
    url: text(memoryLimits.sourceUrlChars).optional(),
    platform: text(memoryLimits.sourceTextChars).optional(),
    timestamp: z.iso.datetime({ offset: true }).optional(),
    conversationId: text(memoryLimits.sourceTextChars).optional(),
    title: text(memoryLimits.sourceTextChars).optional(),
  })
  .readonly();

/** Where a memory came from. `timestamp` is ISO 8601. */
export type Source = z.infer<typeof sourceSchema>;

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

/** Text that UTF-8 and PostgreSQL can hold: 1 to `max` code points, no NUL, no lone surrogate. */
export function text(max: number) {
  return z
    .string()
    .min(1)
    .refine((value) => isStorable(value), 'must not contain NUL or lone surrogates')
    .refine((value) => value.length <= max || countCodePoints(value, max) <= max, `must have at most ${max} characters`)
    .meta({ maxLength: max });
}

export function isStorable(value: string): boolean {
  return value.isWellFormed() && !value.includes('\0');
}

/** Stops counting once it is sure that there are more than `enough`, so that huge input costs little. */
function countCodePoints(value: string, enough: number): number {
  if (value.length > 2 * enough) return value.length;
  let count = 0;
  for (const _ of value) count++;
  return count;
}
