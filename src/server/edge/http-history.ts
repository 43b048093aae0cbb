/** /memories/:id/history: what happened to one memory. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import type { Queryable } from '../infra/database.ts';
import { readHistory } from '../read/read-history.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { eventViewSchema, eventViewToJson } from './event-json.ts';
import { memoryParams } from './http-memories.ts';
import { cursorText, limit } from './query-values.ts';
import { route } from './route.ts';

const position = z.tuple([z.int().min(1)]);

export function registerHistoryRoutes(app: FastifyInstance, { db }: { readonly db: Queryable }): void {
  route(
    app,
    {
      method: 'GET',
      url: '/memories/:id/history',
      summary: 'The events of a memory that changed it, newest first; also of a deleted or erased one',
      operationId: 'getMemoryHistory',
      description:
        'Who changed what, when and where. `seq` is what `restore` and `?at=` take. Of an erased memory the events stay, without their content.',
      tag: 'memories',
      auth: true,
      params: memoryParams,
      query: z.strictObject({ limit: limit(200, 50), cursor: cursorText.optional() }),
      answers: { 200: z.object({ events: z.array(eventViewSchema), nextCursor: z.string().nullable() }) },
      errors: ['unknown_memory'],
    },
    async ({ principal: { userId }, params: { id: memoryId }, query }) => {
      const [from] = query.cursor === undefined ? [null] : decodeCursor('history', query.cursor, position);
      const page = await readHistory(db, { userId, memoryId, from, limit: query.limit });
      if (page === null) throw new AppError('unknown_memory');
      const nextCursor = page.next === null ? null : encodeCursor('history', [page.next]);
      return { status: 200, body: { events: page.events.map(eventViewToJson), nextCursor } };
    },
  );
}
