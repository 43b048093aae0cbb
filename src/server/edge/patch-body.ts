/**
 * The body of PATCH: RFC 6902 on a memory whose tags are members, `/tags/<tag>`, with the value true. Only these places
 * exist, and only `/source` and `/tags` take more than one value: so no `copy` can make the document grow beyond the body.
 */
import type { Operation } from 'fast-json-patch';
import { z } from 'zod';
import { maxPatchOperations } from '../../core/change.ts';

const path = z
  .string()
  .max(512)
  .regex(/^\/(?:(?:content|type|scope|confidence|source|tags)|(?:source|tags)\/[^/]+)$/, 'is no place of a memory')
  .regex(/^(?:[^~]|~[01])*$/, 'is no JSON Pointer')
  .refine((text) => !/\/(?:__proto__|constructor|prototype)$/.test(text), 'is not a possible name');

const places = (text: string): boolean => text === '/source' || text === '/tags';

const from = path.refine((text) => !places(text), 'must be a single value');

const scalar = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const value = z.union([scalar, z.array(scalar), z.record(z.string(), scalar)], 'must be flat');

const withValue = z
  .strictObject({ op: z.enum(['add', 'replace', 'test']), path, value })
  .refine((operation) => places(operation.path) || typeof operation.value !== 'object' || operation.value === null, {
    path: ['value'],
    message: 'must be a single value',
  });

export const patchSchema = z
  .array(
    z.discriminatedUnion('op', [
      withValue,
      z.strictObject({ op: z.literal('remove'), path }),
      z.strictObject({ op: z.enum(['copy', 'move']), from, path }),
    ]),
  )
  .max(maxPatchOperations)
  .meta({ id: 'MemoryPatch' });

export const toOperations = (patch: z.output<typeof patchSchema>): readonly Operation[] => patch as readonly Operation[];
