/** /memories: creating, reading and listing. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { idSchema, type MemoryId, type UserId } from '../../core/ids.ts';
import { type Memory, memoryLimits } from '../../core/memory.ts';
import { scopeSchema, tagSchema, text, typeSchema } from '../../core/memory-schemas.ts';
import type { MemoryCommands } from '../command/memory-commands.ts';
import { toVector } from '../embed/to-vector.ts';
import type { Queryable } from '../infra/database.ts';
import type { AccessCounts } from '../read/access-counts.ts';
import { listMemories, memoryOrders } from '../read/list-memories.ts';
import type { MemoryReader } from '../read/memory-reader.ts';
import { readMemoryAt } from '../read/read-memory-at.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { toEntityTag } from './if-match.ts';
import { memorySchema, memoryToJson, newMemorySchema, toNewFields } from './memory-json.ts';
import { cursorText, flag, limit, moment, several, share, time } from './query-values.ts';
import { route } from './route.ts';
import { unwrap } from './unwrap.ts';

export interface MemoryRouteDeps {
  readonly db: Queryable;
  readonly memories: MemoryCommands;
  readonly memoryReader: MemoryReader;
  readonly accesses: AccessCounts;
  readonly vectors: MemoryVectors;
}

/** What is known and kept of vectors where memories are written and shown. */
export interface MemoryVectors {
  /** Of the server's own. */
  readonly model: string;
  /** Those whose current content has its vector. */
  embedded(userId: UserId, ids: readonly MemoryId[]): Promise<ReadonlySet<MemoryId>>;
  /** Of the memory's content, made by the caller. */
  keep(userId: UserId, memory: Memory, vector: Float32Array, model: string | undefined): Promise<void>;
}

export const memoryParams = z.object({
  id: idSchema<MemoryId>().register(z.globalRegistry, { description: 'Of the memory.', format: 'uuid' }),
});

const listQuery = z.strictObject({
  type: several(typeSchema).optional(),
  scope: several(scopeSchema).optional(),
  tags: several(tagSchema).optional(),
  platform: z
    .optional(text(memoryLimits.sourceTextChars))
    .register(z.globalRegistry, { description: '`source.platform` is this.' }),
  conversationId: z
    .optional(text(memoryLimits.sourceTextChars))
    .register(z.globalRegistry, { description: '`source.conversationId` is this.' }),
  from: time.optional().meta({ description: 'Created then or later.' }),
  to: time.optional().meta({ description: 'Created then or earlier.' }),
  updatedFrom: time.optional().meta({ description: 'Updated then or later.' }),
  minConfidence: share.optional().meta({ description: 'Those without a confidence are left out.' }),
  deleted: flag.optional().meta({ description: 'Deleted ones in place of live ones.' }),
  order: z.enum(memoryOrders).default('created').meta({ description: 'Newest first by this.' }),
  limit: limit(200, 50),
  cursor: cursorText.optional(),
});

const position = z.tuple([z.int(), idSchema<MemoryId>()]);

const tag = 'memories';

export function registerMemoryRoutes(app: FastifyInstance, deps: MemoryRouteDeps): void {
  registerCreate(app, deps);
  registerRead(app, deps);
  registerList(app, deps);
}

function registerCreate(app: FastifyInstance, { memories, vectors }: MemoryRouteDeps): void {
  route(
    app,
    {
      method: 'POST',
      url: '/memories',
      summary: 'Create a memory. The same id and body again is answered with 200',
      operationId: 'createMemory',
      description:
        'With an `id` of the caller’s own a retry is safe: the same id and body is answered with 200 and nothing is written.',
      examples: {
        'What is needed': { content: 'Prefers short answers', type: 'preference', scope: 'user_global' },
        'With everything': {
          id: '0198c0de-0000-7000-8000-000000000001',
          content: 'Lives in Bern',
          type: 'fact',
          scope: 'user_global',
          tags: ['home'],
          confidence: 0.9,
          source: { url: 'https://example.org/chat', platform: 'example', timestamp: '2026-01-05T09:00:00Z', title: 'A chat' },
        },
      },
      tag,
      auth: true,
      body: newMemorySchema,
      answers: { 200: memorySchema, 201: memorySchema },
      answerHeaders: { ETag: true },
      errors: ['memory_exists', 'erased_memory'],
    },
    async ({ principal, body }) => {
      const vector = body.embedding === undefined ? null : toVector(body.embedding);
      const { memory, changed } = unwrap(await memories.create(principal, body.id, toNewFields(body)));
      if (vector !== null) await vectors.keep(principal.userId, memory, vector, body.embeddingModel);
      // One that is new has none yet but what came with it.
      const embedded = (!changed || vector !== null) && (await isEmbedded(vectors, principal.userId, memory.id));
      return { status: changed ? 201 : 200, headers: { etag: toEntityTag(memory.seq) }, body: memoryToJson(memory, 0, embedded) };
    },
  );
}

function registerRead(app: FastifyInstance, { db, memoryReader, accesses }: MemoryRouteDeps): void {
  route(
    app,
    {
      method: 'GET',
      url: '/memories/:id',
      summary: 'One memory, as it is or as it was at a seq or time',
      operationId: 'getMemory',
      description: 'Counts one access. A past state has no `ETag`, and is not counted.',
      tag,
      auth: true,
      params: memoryParams,
      query: z.strictObject({
        at: moment.optional().meta({ description: 'As it was after this seq, or at this time.' }),
        deleted: flag.optional().meta({ description: 'Also when it is deleted.' }),
      }),
      answers: { 200: memorySchema },
      answerHeaders: { ETag: false },
      errors: ['unknown_memory', 'erased_memory', 'unknown_seq'],
    },
    async ({ principal: { userId }, params: { id }, query: { at, deleted } }) => {
      if (at !== undefined) {
        const past = unwrap(await readMemoryAt(db, userId, id, at));
        return { status: 200, body: memoryToJson(past.memory, past.accessCount + accesses.pending(userId, id), false) };
      }
      const view = await memoryReader.read(userId, id);
      if (view?.memory.erased === true) throw new AppError('erased_memory');
      if (view === null || (view.memory.deleted && deleted !== true)) throw new AppError('unknown_memory');
      accesses.count(userId, id);
      const headers = { etag: toEntityTag(view.memory.seq) };
      const count = view.accessCount + accesses.pending(userId, id);
      return { status: 200, headers, body: memoryToJson(view.memory, count, view.embedded) };
    },
  );
}

function registerList(app: FastifyInstance, { db, accesses, vectors }: MemoryRouteDeps): void {
  const pending = (userId: UserId, id: MemoryId): number => accesses.pending(userId, id);
  route(
    app,
    {
      method: 'GET',
      url: '/memories',
      summary: 'Memories by filter, newest first',
      operationId: 'listMemories',
      description: 'All filters have to hold, and every tag has to be there; of `type` and `scope` one of the values.',
      tag,
      auth: true,
      query: listQuery,
      answers: { 200: z.object({ memories: z.array(memorySchema), nextCursor: z.string().nullable() }) },
    },
    async ({ principal: { userId }, query: { order, limit: size, cursor, ...filter } }) => {
      const after = cursor === undefined ? null : toPosition(decodeCursor(`memories:${order}`, cursor, position));
      const page = await listMemories(db, { userId, filter, order, after, limit: size });
      const ids = page.memories.map(({ memory }) => memory.id);
      const embedded = await vectors.embedded(userId, ids);
      const memories = page.memories.map(({ memory, accessCount }) =>
        memoryToJson(memory, accessCount + pending(userId, memory.id), embedded.has(memory.id)),
      );
      const nextCursor = page.next === null ? null : encodeCursor(`memories:${order}`, [page.next.key, page.next.id]);
      return { status: 200, body: { memories, nextCursor } };
    },
  );
}

export async function isEmbedded(vectors: Pick<MemoryVectors, 'embedded'>, userId: UserId, id: MemoryId): Promise<boolean> {
  return (await vectors.embedded(userId, [id])).has(id);
}

const toPosition = ([key, id]: z.output<typeof position>) => ({ key, id });
