/** /audit: everything that was accepted or rejected, and the proof that nothing of it was changed since. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { eventKinds } from '../../core/event.ts';
import { type DeviceId, idSchema, type MemoryId } from '../../core/ids.ts';
import type { Queryable } from '../infra/database.ts';
import { readAudit } from '../read/read-audit.ts';
import { readVerdict } from '../read/read-verdict.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { eventViewSchema, eventViewToJson } from './event-json.ts';
import { cursorText, limit, seq, time } from './query-values.ts';
import { route } from './route.ts';

const auditQuery = z.strictObject({
  memoryId: z.optional(idSchema<MemoryId>()).register(z.globalRegistry, { description: 'Events of this memory.' }),
  deviceId: z.optional(idSchema<DeviceId>()).register(z.globalRegistry, { description: 'Events of this device.' }),
  kind: z.enum(eventKinds).optional().meta({ description: 'Events that did this.' }),
  from: time.optional().meta({ description: 'Accepted then or later.' }),
  to: time.optional().meta({ description: 'Accepted then or earlier.' }),
  fromSeq: seq.optional().meta({ description: 'This seq or a greater one.' }),
  toSeq: seq.optional().meta({ description: 'This seq or a smaller one.' }),
  order: z.enum(['asc', 'desc']).default('desc').meta({ description: 'By seq.' }),
  limit: limit(500, 50),
  cursor: cursorText.optional(),
});

const verdictSchema = z
  .object({
    verified: z.boolean(),
    events: z.int().meta({ description: 'Events that were checked.' }),
    head: z.int(),
    headHash: z.string().meta({ description: 'Keep it: a log that was written anew cannot lead to it.' }),
    brokenAt: z.int().optional().meta({ description: 'The first event that does not hold; head + 1 for the head itself.' }),
    reason: z.string().optional(),
  })
  .meta({ id: 'Verdict' });

const position = z.tuple([z.int().min(0)]);

const tag = 'audit';

/** Requests of one address in a minute (SEC-3). */
export const auditRates = {
  /** Each reads the whole log of a user. */
  verify: 30,
} as const;

export function registerAuditRoutes(app: FastifyInstance, { db }: { readonly db: Queryable }): void {
  route(
    app,
    {
      method: 'GET',
      url: '/audit',
      summary: 'Events by filter. A page may hold fewer than asked, or none, and still have a nextCursor',
      operationId: 'listEvents',
      description: 'Everything that was accepted or rejected, newest first unless `order` says otherwise.',
      tag,
      auth: true,
      query: auditQuery,
      answers: { 200: z.object({ events: z.array(eventViewSchema), nextCursor: z.string().nullable() }) },
    },
    async ({ principal: { userId }, query: { order, limit: size, cursor, ...filter } }) => {
      const [after] = cursor === undefined ? [null] : decodeCursor(`audit:${order}`, cursor, position);
      const page = await readAudit(db, { userId, filter, order, after, limit: size });
      const nextCursor = page.next === null ? null : encodeCursor(`audit:${order}`, [page.next]);
      return { status: 200, body: { events: page.events.map(eventViewToJson), nextCursor } };
    },
  );
  route(
    app,
    {
      method: 'GET',
      url: '/audit/verify',
      work: 'export',
      summary: 'Recompute the whole chain: was anything in the log changed?',
      operationId: 'verifyLog',
      description: 'Reads the whole log of the user: expensive, and limited for that.',
      tag,
      auth: true,
      perMinute: auditRates.verify,
      answers: { 200: verdictSchema },
    },
    async ({ principal }) => {
      const verdict = await readVerdict(db, principal.userId);
      if (verdict === null) throw new AppError('unauthorized');
      return { status: 200, body: verdict };
    },
  );
}
