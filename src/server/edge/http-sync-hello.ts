/** HELLO and SNAPSHOT over HTTP, for a device whose network lets no WebSocket through. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { idSchema, type MemoryId, type UserId } from '../../core/ids.ts';
import { packServerFrame } from '../../protocol/binary-codec.ts';
import type { Hello } from '../../protocol/frames.ts';
import { helloFromJson, serverFrameToJson } from '../../protocol/json-codec.ts';
import { helloBody, resetSchema, snapshotSchema, welcomeSchema } from '../../protocol/json-frames.ts';
import { wireLimits } from '../../protocol/limits.ts';
import { answerHello, isRepair, refuseHello } from '../../sync/answer-hello.ts';
import type { Access } from '../access/access.ts';
import type { Principal } from '../access/principal.ts';
import type { Collector } from '../command/collector.ts';
import type { Queryable } from '../infra/database.ts';
import { type Head, readHead } from '../log/head.ts';
import { readOpening } from '../read/read-opening.ts';
import { readSnapshot } from '../read/read-snapshot.ts';
import type { SyncMetrics } from './metrics.ts';
import { limit, seq } from './query-values.ts';
import { route } from './route.ts';
import { binaryAnswer, binaryMediaType, cursorHeader, syncCursorToText, wantsBinary } from './sync-answers.ts';
import { unwrap } from './unwrap.ts';

export interface SyncHelloDeps {
  readonly db: Queryable;
  readonly access: Pick<Access, 'openReplica' | 'touchDevice'>;
  readonly collector: Pick<Collector, 'soon'>;
  readonly metrics: Pick<SyncMetrics, 'reset' | 'repair'>;
  readonly now: () => number;
}

const tag = 'sync';

export function registerSyncHello(app: FastifyInstance, deps: SyncHelloDeps): void {
  registerHello(app, deps);
  registerSnapshot(app, deps);
}

function registerHello(app: FastifyInstance, deps: SyncHelloDeps): void {
  route(
    app,
    {
      method: 'POST',
      url: '/memories/sync/hello',
      summary: 'What HELLO is on the socket: registers the device, records its cursor, answers with WELCOME or RESET',
      operationId: 'syncHello',
      description:
        'A device id that is new becomes a further replica of this session. RESET is an answer, not an error: start from a snapshot, and keep the outbox.',
      examples: {
        'A new device': {
          protocol: 1,
          device: '0198c0de-0000-7000-8000-00000000000d',
          epoch: null,
          cursor: 0,
          lastCounter: 0,
          now: 1764000000000,
        },
      },
      tag,
      auth: true,
      // As in a frame, what is not known is ignored.
      body: z.object(helloBody),
      answers: {
        200: z.union([
          welcomeSchema.extend({ cursor: z.string().meta({ description: 'For /memories/sync/updates, at HELLO.cursor.' }) }),
          resetSchema,
        ]),
      },
      errors: ['unsupported_protocol', 'too_many_devices'],
    },
    async ({ principal, body, request }) => {
      const hello = helloFromJson(body);
      assertHello(hello);
      if (isRepair(hello)) {
        deps.metrics.repair();
        request.log.warn('the state hash of a device differed: it asks for a snapshot');
      }
      return { status: 200, body: await openSession(deps, principal, hello) };
    },
  );
}

async function openSession({ db, access, collector, metrics, now }: SyncHelloDeps, principal: Principal, hello: Hello) {
  const { userId, tokenExpiresAt } = principal;
  const { ordinal } = unwrap(await access.openReplica(principal, hello.device));
  const opening = await readOpening(db, userId, { ordinal, epoch: hello.epoch });
  if (opening === null) throw new AppError('unauthorized');
  const answer = answerHello(hello, { ...opening, tokenExpiresAt }, now(), wireLimits);
  if (answer.type === 'RESET') {
    metrics.reset(answer.code);
    return answer;
  }
  await access.touchDevice(userId, ordinal, hello.cursor);
  collector.soon(userId);
  const cursor = syncCursorToText({ epoch: answer.epoch, seq: hello.cursor });
  return { ...(serverFrameToJson(answer) as z.input<typeof welcomeSchema>), cursor };
}

function assertHello(hello: Hello): void {
  const wrong = refuseHello(hello);
  if (wrong?.code === 'unsupported_protocol') throw new AppError('unsupported_protocol', wrong.detail);
  if (wrong !== null) throw new AppError('invalid_request', undefined, [{ path: 'cursor', message: wrong.detail }]);
}

const snapshotQuery = z
  .strictObject({
    at: seq.optional().meta({ description: 'Where the snapshot began. Without it, it begins now.' }),
    after: z.optional(idSchema<MemoryId>()).meta({ description: 'The `next` of the page before.' }),
    limit: limit(wireLimits.snapshotMemories, wireLimits.snapshotMemories),
  })
  .refine(({ at, after }) => at !== undefined || after === undefined, { path: ['at'], error: 'is needed with after' });

function registerSnapshot(app: FastifyInstance, { db }: SyncHelloDeps): void {
  route(
    app,
    {
      method: 'GET',
      url: '/memories/sync/snapshot',
      summary: 'A page of the memories as they stand, newest id first. The header sync-cursor is where the log goes on behind it',
      operationId: 'getSyncSnapshot',
      description:
        'With `Accept: application/msgpack` the binary frame. Go on with `after` = `next` and the same `at` until `next` is null, then read the updates from `Sync-Cursor`.',
      tag,
      auth: true,
      query: snapshotQuery,
      answers: { 200: { json: snapshotSchema, mediaTypes: [binaryMediaType] } },
      answerHeaders: { 'Sync-Cursor': true },
      errors: ['cursor_ahead', 'cursor_expired'],
    },
    async ({ principal: { userId }, query: { at: begun, after = null, limit: maxMemories }, request }) => {
      const { at, epoch } = await startOf(db, userId, begun);
      const { memories, isLast } = await readSnapshot(db, { userId, after, maxMemories });
      const frame = { type: 'SNAPSHOT', at, next: isLast ? null : (memories.at(-1)?.id ?? null), memories } as const;
      const cursor = { epoch, seq: at };
      if (wantsBinary(request)) return binaryAnswer(packServerFrame(frame), cursor);
      const body = serverFrameToJson(frame) as z.input<typeof snapshotSchema>;
      return { status: 200, headers: cursorHeader(cursor), body };
    },
  );
}

/** Before the page is read: what changes meanwhile comes twice rather than never. */
async function startOf(db: Queryable, userId: UserId, begun: number | undefined): Promise<Pick<Head, 'epoch'> & { at: number }> {
  const head = await readHead(db, userId);
  if (head === null) throw new AppError('unauthorized');
  if (begun === undefined) return { at: head.seq, epoch: head.epoch };
  if (begun > head.seq) throw new AppError('cursor_ahead');
  if (begun < head.floor) throw new AppError('cursor_expired');
  return { at: begun, epoch: head.epoch };
}
