/**
 * The fields of a memory as schemas, for what is published of the API and checks requests. They say the same as the checks of
 * core/register, which a browser carries in their place: a property test holds the two together.
 */
import * as z from 'zod/mini';
import { isStorable, isWithin, memoryLimits, memoryScopes, memoryTypes } from './memory.ts';

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

/** Text that UTF-8 and PostgreSQL can hold: 1 to `max` code points, no NUL, no lone surrogate. */
export function text(max: number) {
  return z
    .string('must be text')
    .check(
      z.minLength(1, 'must not be empty'),
      z.refine((value) => isStorable(value), 'must not contain NUL or lone surrogates'),
      z.refine((value) => isWithin(value, max), `must have at most ${max} characters`),
    )
    .register(z.globalRegistry, { maxLength: max });
}
