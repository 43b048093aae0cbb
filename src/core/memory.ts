/**
 * What a memory is: its fields, their bounds, and the schemas that every door checks them with. They are of zod/mini, which
 * costs a browser's bundle a quarter of what zod does and makes no code out of text; zod's own schemas take them as parts.
 * Each check has its own words: mini brings none.
 */
import * as z from 'zod/mini';
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
export const typeSchema = z.enum(memoryTypes, `must be one of ${memoryTypes.join(', ')}`);
export const scopeSchema = z.enum(memoryScopes, `must be one of ${memoryScopes.join(', ')}`);
export const confidenceSchema = z
  .number('must be a number')
  .check(z.minimum(0, 'must be at least 0'), z.maximum(1, 'must be at most 1'));
export const tagSchema = text(memoryLimits.tagChars).check(z.refine((tag) => tag !== '__proto__', 'is not a possible tag'));
export const sourceSchema = z.readonly(
  z.strictObject(
    {
      url: z.optional(text(memoryLimits.sourceUrlChars)),
      platform: z.optional(text(memoryLimits.sourceTextChars)),
      timestamp: z.optional(z.iso.datetime({ offset: true, error: 'must be an ISO 8601 time' })),
      conversationId: z.optional(text(memoryLimits.sourceTextChars)),
      title: z.optional(text(memoryLimits.sourceTextChars)),
    },
    { error: (issue) => (issue.code === 'unrecognized_keys' ? 'has a field that a source has not' : 'must be an object') },
  ),
);

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
    .string('must be text')
    .check(
      z.minLength(1, 'must not be empty'),
      z.refine((value) => isStorable(value), 'must not contain NUL or lone surrogates'),
      z.refine((value) => value.length <= max || countCodePoints(value, max) <= max, `must have at most ${max} characters`),
    )
    .register(z.globalRegistry, { maxLength: max });
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
