/** /conflicts: values that lost and are kept until somebody decides. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { type ConflictId, idSchema, type MemoryId } from '../../core/ids.ts';
import { sourceSchema } from '../../core/memory-schemas.ts';
import { type ConflictSide, type ConflictView, listConflicts, readConflict } from '../read/read-conflicts.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { namedDeviceSchema, namedDeviceToJson } from './event-json.ts';
import { isEmbedded, type MemoryRouteDeps } from './http-memories.ts';
import { readCount } from './http-memory-changes.ts';
import { memorySchema, memoryToJson } from './memory-json.ts';
import { cursorText, limit } from './query-values.ts';
import { route } from './route.ts';
import { unwrap } from './unwrap.ts';

const sideSchema = z
  .object({
    seq: z.int(),
    device: namedDeviceSchema,
    value: z.union([z.string(), z.number(), z.boolean(), sourceSchema, z.null()]),
  })
  .meta({ id: 'ConflictSide' });

const conflictSchema = z
  .object({
    id: idSchema<ConflictId>(),
    memoryId: idSchema<MemoryId>(),
    register: z.string(),
    winner: sideSchema,
    loser: sideSchema,
    at: z.iso.datetime(),
    status: z.enum(['open', 'resolved']),
    resolution: z.enum(['winner', 'loser', 'overwritten', 'erased']).optional(),
    resolvedSeq: z.int().optional(),
  })
  .meta({ id: 'Conflict' });

const position = z.tuple([z.int(), idSchema<ConflictId>()]);

const tag = 'conflicts';

export function registerConflictRoutes(app: FastifyInstance, deps: MemoryRouteDeps): void {
  registerList(app, deps);
  registerResolve(app, deps);
}

function registerList(app: FastifyInstance, { db }: MemoryRouteDeps): void {
  route(
    app,
    {
      method: 'GET',
      url: '/conflicts',
      summary: 'Values that lost against a concurrent write, newest first',
      operationId: 'listConflicts',
      description: 'The winner is what the memory says now. Resolved ones say how they ended.',
      tag,
      auth: true,
      query: z.strictObject({
        status: z
          .enum(['open', 'resolved'])
          .default('open')
          .meta({ description: 'Those that wait for a decision, or those that had one.' }),
        limit: limit(200, 50),
        cursor: cursorText.optional(),
      }),
      answers: { 200: z.object({ conflicts: z.array(conflictSchema), nextCursor: z.string().nullable() }) },
    },
    async ({ principal: { userId }, query: { status, limit: size, cursor } }) => {
      const list = `conflicts:${status}`;
      const after = cursor === undefined ? null : toPosition(decodeCursor(list, cursor, position));
      const page = await listConflicts(db, { userId, status, after, limit: size });
      const nextCursor = page.next === null ? null : encodeCursor(list, [page.next.at, page.next.id]);
      return { status: 200, body: { conflicts: page.conflicts.map(conflictToJson), nextCursor } };
    },
  );
}

function registerResolve(app: FastifyInstance, { db, memories, accesses, vectors }: MemoryRouteDeps): void {
  route(
    app,
    {
      method: 'POST',
      url: '/conflicts/:id/resolve',
      summary: 'Keep one of the two values: it is written as a new event, which ends the conflict',
      operationId: 'resolveConflict',
      description:
        '`winner` keeps what is there, `loser` brings the other value back. Also a later write of the register ends a conflict.',
      examples: { 'Bring the other value back': { keep: 'loser' } },
      tag,
      auth: true,
      params: z.object({
        id: idSchema<ConflictId>().register(z.globalRegistry, { description: 'Of the conflict.', format: 'uuid' }),
      }),
      body: z.strictObject({
        keep: z.enum(['winner', 'loser']),
        winnerSeq: z.int().optional().meta({ description: 'The winner that was seen: 409 when there is another one by now.' }),
      }),
      answers: { 200: z.object({ conflict: conflictSchema, memory: memorySchema }) },
      errors: ['unknown_conflict', 'register_moved_on', 'too_many_tags'],
    },
    async ({ principal, params: { id }, body }) => {
      const { memory } = unwrap(await memories.resolve(principal, { id, ...body }));
      const conflict = await readConflict(db, principal.userId, id);
      if (conflict === null) throw new AppError('unknown_conflict');
      const count = await readCount({ db, accesses }, principal.userId, memory.id);
      const embedded = await isEmbedded(vectors, principal.userId, memory.id);
      return { status: 200, body: { conflict: conflictToJson(conflict), memory: memoryToJson(memory, count, embedded) } };
    },
  );
}

function conflictToJson({
  winner,
  loser,
  at,
  resolution,
  resolvedSeq,
  ...conflict
}: ConflictView): z.input<typeof conflictSchema> {
  return {
    ...conflict,
    winner: sideToJson(winner),
    loser: sideToJson(loser),
    at: new Date(at).toISOString(),
    status: resolution === null ? 'open' : 'resolved',
    ...(resolution !== null && { resolution }),
    ...(resolvedSeq !== null && { resolvedSeq }),
  };
}

const sideToJson = ({ seq, device, value }: ConflictSide) => ({ seq, device: namedDeviceToJson(device), value });

const toPosition = ([at, id]: z.output<typeof position>) => ({ at, id });
