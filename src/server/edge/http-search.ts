/** POST /memories/search: by meaning, by words, or both. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { modelNameChars, vectorSize } from '../../core/embedding.ts';
import { AppError } from '../../core/errors.ts';
import type { MemoryId, UserId } from '../../core/ids.ts';
import { memoryLimits } from '../../core/memory.ts';
import { scopeSchema, tagSchema, text, typeSchema } from '../../core/memory-schemas.ts';
import { EmbeddingFailed } from '../embed/embedding-failed.ts';
import { toVector } from '../embed/to-vector.ts';
import type { AccessCounts } from '../read/access-counts.ts';
import type { MemoryFilter } from '../read/list-memories.ts';
import { type SearchAnswer, type Searcher, searchModes } from '../read/search.ts';
import type { MemoryVectors } from './http-memories.ts';
import { memorySchema, memoryToJson } from './memory-json.ts';
import { time } from './query-values.ts';
import { route } from './route.ts';

export interface SearchRouteDeps {
  readonly searcher: Searcher;
  readonly vectors: MemoryVectors;
  readonly accesses: AccessCounts;
  /** Monotonic, ms. */
  readonly stopwatch: () => number;
}

const oneOrMore = <Value extends string>(item: z.core.$ZodType<Value, string>) =>
  z.union([item, z.array(item).min(1).max(64)]).transform((given): Value[] => (Array.isArray(given) ? given : [given]));

const filterSchema = z.strictObject({
  type: oneOrMore(typeSchema).optional(),
  scope: oneOrMore(scopeSchema).optional(),
  tags: oneOrMore(tagSchema).optional(),
  platform: z.optional(text(memoryLimits.sourceTextChars)),
  conversationId: z.optional(text(memoryLimits.sourceTextChars)),
  from: time.optional(),
  to: time.optional(),
  minConfidence: z.number().min(0).max(1).optional(),
});

const vectorSchema = z
  .array(z.number())
  .min(1)
  .max(vectorSize)
  .transform((numbers, context) => {
    const vector = toVector(numbers);
    if (vector?.some((value) => value !== 0) === true) return vector;
    context.addIssue({ code: 'custom', message: 'must have a number that is not zero' });
    return z.NEVER;
  });

export const searchSchema = z
  .strictObject({
    query: z.string().trim().min(1).max(4_000).optional(),
    embedding: vectorSchema.optional(),
    embeddingModel: z.optional(text(modelNameChars)),
    mode: z.enum(searchModes).default('hybrid'),
    limit: z.int().min(1).max(100).default(10),
    filter: filterSchema.default({}),
    explain: z.boolean().default(false),
  })
  .superRefine(({ query, embedding, mode }, context) => {
    const missing = query === undefined && (embedding === undefined || mode === 'keyword');
    if (missing)
      context.addIssue({ code: 'custom', path: ['query'], message: 'is needed, or an embedding where the mode is not keyword' });
  })
  .meta({ id: 'Search', anyOf: [{ required: ['query'] }, { required: ['embedding'] }] });

const resultSchema = z
  .object({
    memory: memorySchema,
    score: z.number().meta({ description: 'From 0 to 1; only its order means something.' }),
    similarity: z.number().optional().meta({ description: 'Cosine, where the semantic search found it.' }),
    matched: z.array(z.enum(['semantic', 'keyword'])),
    explanation: z
      .object({
        semantic: z.object({ rank: z.int(), similarity: z.number(), share: z.number() }).optional(),
        keyword: z
          .object({
            rank: z.int(),
            bm25: z.number(),
            share: z.number(),
            terms: z.record(z.string(), z.number()),
            neighbours: z.number(),
          })
          .optional(),
      })
      .optional()
      .meta({ description: 'Where the score comes from, when `explain` is true: `share` of each arm, by rank.' }),
  })
  .meta({ id: 'SearchResult' });

const answerSchema = z.object({ results: z.array(resultSchema), mode: z.enum(searchModes), tookMs: z.number() });

export function registerSearchRoute(app: FastifyInstance, { searcher, vectors, accesses, stopwatch }: SearchRouteDeps): void {
  const pending = (userId: UserId, id: MemoryId): number => accesses.pending(userId, id);
  route(
    app,
    {
      method: 'POST',
      url: '/memories/search',
      summary: 'Find memories by meaning, by words, or both',
      operationId: 'searchMemories',
      description:
        'Hybrid by default. With an `embedding` the caller’s own vector is compared, of the model that `embeddingModel` names. Of `type` and `scope` one value or a list.',
      examples: {
        'A question': { query: 'where does she live?' },
        'Words alone, in facts of a site': {
          query: 'train',
          mode: 'keyword',
          limit: 5,
          filter: { type: 'fact', scope: ['site'], tags: ['travel'] },
        },
      },
      tag: 'memories',
      auth: true,
      body: searchSchema,
      answers: { 200: answerSchema },
      errors: ['embedding_unavailable'],
    },
    async ({ principal: { userId }, body: { filter, ...request } }) => {
      const startedAt = stopwatch();
      const answer = await searchOrRefuse(searcher, userId, { ...request, filter });
      const embedded = await vectors.embedded(
        userId,
        answer.results.map(({ memory }) => memory.id),
      );
      const results = answer.results.map(({ memory, accessCount, matched, ...result }) => ({
        ...result,
        matched: [...matched],
        memory: memoryToJson(memory, accessCount + pending(userId, memory.id), embedded.has(memory.id)),
      }));
      return { status: 200, body: { results, mode: answer.mode, tookMs: Math.round((stopwatch() - startedAt) * 10) / 10 } };
    },
  );
}

async function searchOrRefuse(
  searcher: Searcher,
  userId: UserId,
  request: Omit<z.output<typeof searchSchema>, 'filter'> & { readonly filter: MemoryFilter },
): Promise<SearchAnswer> {
  try {
    return await searcher.search(userId, request);
  } catch (error) {
    if (!(error instanceof EmbeddingFailed)) throw error;
    const { retryAfterMs } = error;
    const retryAfter = retryAfterMs === undefined ? {} : { retryAfterSeconds: Math.ceil(retryAfterMs / 1_000) };
    throw new AppError('embedding_unavailable', undefined, [], retryAfter);
  }
}
