/** A memory as callers write and read it. */
import { z } from 'zod';
import { isCallersModel, modelNameChars, vectorSize } from '../../core/embedding.ts';
import { idSchema, type MemoryId } from '../../core/ids.ts';
import { type Memory, type MemoryFields, memoryLimits, memoryScopes, memoryTypes } from '../../core/memory.ts';
import { confidenceSchema, contentSchema, scopeSchema, sourceSchema, tagSchema, typeSchema } from '../../core/memory-schemas.ts';

const tags = z.array(tagSchema).max(memoryLimits.tags);

export const newMemorySchema = z
  .strictObject({
    id: z.optional(idSchema<MemoryId>()),
    content: contentSchema,
    type: typeSchema,
    scope: scopeSchema,
    tags: tags.nullish(),
    confidence: z.nullish(confidenceSchema),
    source: z.nullish(sourceSchema),
    embedding: z
      .array(z.number().refine(Number.isFinite, 'must be finite'))
      .min(1)
      .max(vectorSize)
      .optional()
      .meta({ description: 'A vector of the content that the caller made; searches with vectors of the same model find it.' }),
    embeddingModel: z
      .string()
      .min(1)
      .max(modelNameChars)
      .refine(isCallersModel, 'is not a possible name of a model of yours')
      .optional()
      .meta({ description: 'What made `embedding`. Default: the server’s own model, if callers can have it.' }),
  })
  .meta({ id: 'NewMemory' });

/** Any subset. Null clears; content, type and scope cannot be cleared. */
export const memoryUpdateSchema = z
  .strictObject({
    content: z.optional(contentSchema),
    type: z.optional(typeSchema),
    scope: z.optional(scopeSchema),
    tags: tags.nullish(),
    confidence: z.nullish(confidenceSchema),
    source: z.nullish(sourceSchema),
  })
  .meta({ id: 'MemoryUpdate' });

const time = z.iso.datetime();

export const memorySchema = z
  .object({
    id: idSchema<MemoryId>(),
    content: z.string(),
    type: z.enum(memoryTypes),
    scope: z.enum(memoryScopes),
    confidence: z.number().nullable(),
    tags: z.array(z.string()),
    source: z.nullable(sourceSchema),
    createdAt: time,
    updatedAt: time,
    accessCount: z.int().min(0),
    seq: z.int().min(0).meta({ description: 'Of the last event that touched it; 0 of one that a dry run would make.' }),
    embedded: z.boolean().meta({ description: 'Whether the current content has its vector.' }),
    deleted: z.literal(true).optional().meta({ description: 'Only of deleted ones.' }),
  })
  .meta({
    id: 'Memory',
    examples: [
      {
        id: '0198c0de-0000-7000-8000-000000000001',
        content: 'Lives in Bern',
        type: 'fact',
        scope: 'user_global',
        confidence: 0.9,
        tags: ['home'],
        source: { platform: 'example', title: 'A chat' },
        createdAt: '2026-01-05T09:00:00.000Z',
        updatedAt: '2026-01-05T09:00:00.000Z',
        accessCount: 3,
        seq: 41,
        embedded: true,
      },
    ],
  });

export type MemoryJson = z.input<typeof memorySchema>;

export function memoryToJson(memory: Memory, accessCount: number, embedded: boolean): MemoryJson {
  const { id, content, type, scope, confidence, source, createdAt, updatedAt, seq, deleted } = memory;
  const times = { createdAt: new Date(createdAt).toISOString(), updatedAt: new Date(updatedAt).toISOString() };
  const json = {
    id,
    content,
    type,
    scope,
    confidence,
    tags: [...memory.tags],
    source,
    ...times,
    accessCount,
    seq,
    embedded,
  };
  return deleted ? { ...json, deleted } : json;
}

/** The fields of a new memory: what was left out is empty. */
export function toNewFields(body: z.output<typeof newMemorySchema>): MemoryFields {
  const { content, type, scope, tags: given, confidence, source } = body;
  return { content, type, scope, tags: [...new Set(given ?? [])].sort(), confidence: confidence ?? null, source: source ?? null };
}

/** The fields that an update names. */
export function toUpdatedFields(body: z.output<typeof memoryUpdateSchema>): Partial<MemoryFields> {
  const { content, type, scope, tags: given, confidence, source } = body;
  return {
    ...(content !== undefined && { content }),
    ...(type !== undefined && { type }),
    ...(scope !== undefined && { scope }),
    ...(given !== undefined && { tags: [...new Set(given ?? [])].sort() }),
    ...(confidence !== undefined && { confidence }),
    ...(source !== undefined && { source }),
  };
}
