/** /memories/sync: pulling and pushing without a socket. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { type DeviceId, idSchema, type MemoryId } from '../../core/ids.ts';
import { stateHashToString } from '../../core/state-hash.ts';
import { packDelta } from '../../protocol/binary-codec.ts';
import type { PushedOp } from '../../protocol/frames.ts';
import { eventToJson, opFromJson } from '../../protocol/json-codec.ts';
import { eventSchema, type JsonPushedOp, pushBody } from '../../protocol/json-frames.ts';
import { MalformedValue } from '../../protocol/packed-values.ts';
import type { PushOps } from '../command/push-ops.ts';
import type { Queryable } from '../infra/database.ts';
import {
  type DeltaAnswer,
  readChanges,
  readUpdatedBytes,
  readUpdatedEvents,
  type SyncPosition,
  type UpdatesRequest,
} from '../read/read-changes.ts';
import type { MemoryVectors } from './http-memories.ts';
import { registerSyncHello, type SyncHelloDeps } from './http-sync-hello.ts';
import { memorySchema, memoryToJson } from './memory-json.ts';
import { cursorText, limit } from './query-values.ts';
import { route } from './route.ts';
import { binaryAnswer, binaryMediaType, parseSyncCursor, syncCursorToText, wantsBinary } from './sync-answers.ts';
import { unwrap } from './unwrap.ts';

export interface SyncRouteDeps extends SyncHelloDeps {
  readonly push: PushOps;
  readonly vectors: Pick<MemoryVectors, 'embedded'>;
}

const position = { cursor: z.string(), head: z.int(), done: z.boolean() };

const changeSchema = z.object({ id: idSchema<MemoryId>(), seq: z.int(), deleted: z.boolean(), memory: memorySchema.optional() });

const updatesSchema = z.union([
  z.object({ changes: z.array(changeSchema), ...position }),
  z.object({ events: z.array(eventSchema), ...position }),
]);

const tag = 'sync';

export function registerSyncRoutes(app: FastifyInstance, deps: SyncRouteDeps): void {
  registerSyncHello(app, deps);
  registerUpdates(app, deps);
  registerPush(app, deps);
}

function registerUpdates(app: FastifyInstance, { db, access, vectors }: SyncRouteDeps): void {
  route(
    app,
    {
      method: 'GET',
      url: '/memories/sync/updates',
      summary:
        'What changed after a cursor: memories as they stand, or form=events; Accept: application/msgpack for a DELTA frame',
      operationId: 'getSyncUpdates',
      description:
        'Without a cursor from the start. `changes` has each memory once a page, as it stands now; `events` has the log itself. Go on with `cursor` until `done`. The binary frame has its cursor in `Sync-Cursor`.',
      tag,
      auth: true,
      query: z.strictObject({
        cursor: cursorText.optional().meta({ description: 'The `cursor` of the answer before, or of hello.' }),
        limit: limit(1_000, 500).meta({ description: 'Events to go through.' }),
        form: z
          .enum(['changes', 'events'])
          .default('changes')
          .meta({ description: 'Memories as they stand, or the events themselves.' }),
        device: z
          .optional(idSchema<DeviceId>())
          .meta({ description: 'Has applied the log up to the cursor: kept as its sync lag.' }),
      }),
      answers: { 200: { json: updatesSchema, mediaTypes: [binaryMediaType] } },
      answerHeaders: { 'Sync-Cursor': false },
      errors: ['cursor_ahead', 'epoch_mismatch', 'cursor_expired', 'too_many_devices'],
    },
    async ({ principal, query, request }) => {
      const { userId } = principal;
      const pull = { userId, cursor: query.cursor === undefined ? null : parseSyncCursor(query.cursor), limit: query.limit };
      const device = query.device === undefined ? null : unwrap(await access.openReplica(principal, query.device));
      const answer = await pullUpdates({ db, vectors }, pull, wantsBinary(request) ? 'binary' : query.form);
      // Only now the cursor is known to be one of this log.
      if (device !== null && pull.cursor !== null) await access.touchDevice(userId, device.ordinal, pull.cursor.seq);
      return answer;
    },
  );
}

async function pullUpdates(
  { db, vectors }: Pick<SyncRouteDeps, 'vectors'> & { readonly db: Queryable },
  pull: UpdatesRequest,
  form: 'binary' | 'changes' | 'events',
) {
  if (form === 'binary') return toBinary(unwrap(await readUpdatedBytes(db, pull)));
  if (form === 'events') {
    const { events, ...at } = unwrap(await readUpdatedEvents(db, pull));
    return { status: 200 as const, body: { events: events.map(eventToJson), ...positionToJson(at) } };
  }
  const { changes, collected, ...at } = unwrap(await readChanges(db, pull));
  const gone = collected?.ids.map((id) => ({ id, seq: collected.seq, deleted: true })) ?? [];
  const embedded = await vectors.embedded(
    pull.userId,
    changes.map(({ memory }) => memory.id),
  );
  const shown = changes.map((change) => changeToJson(change, embedded.has(change.memory.id)));
  return { status: 200 as const, body: { changes: [...shown, ...gone], ...positionToJson(at) } };
}

function registerPush(app: FastifyInstance, { push, access }: SyncRouteDeps): void {
  route(
    app,
    {
      method: 'POST',
      url: '/memories/sync/push',
      summary: 'Ops of a device, as a PUSH frame holds them. Safe to repeat: known counters are answered with what was recorded',
      operationId: 'syncPush',
      description:
        'The i-th op has the counter `firstCounter + i`. An op that cannot be applied is an event with the outcome `rejected` and does not hold up those behind it.',
      examples: {
        'A new memory': {
          device: '0198c0de-0000-7000-8000-00000000000d',
          firstCounter: 1,
          base: 0,
          ops: [
            {
              memoryId: '0198c0de-0000-7000-8000-000000000002',
              hlc: '1764000000000-0',
              patch: [
                { op: 'add', path: '/content', value: 'Prefers tea' },
                { op: 'add', path: '/type', value: 'preference' },
                { op: 'add', path: '/scope', value: 'user_global' },
                { op: 'add', path: '/tags/drinks', value: true },
              ],
            },
          ],
        },
      },
      tag,
      auth: true,
      body: z.strictObject({ device: idSchema<DeviceId>(), ...pushBody }),
      answers: { 200: z.object({ acked: z.int(), head: z.int(), events: z.array(eventSchema) }) },
      errors: ['counter_gap', 'cursor_ahead', 'device_revoked', 'too_many_devices', 'overloaded'],
    },
    async ({ principal, body: { device: id, firstCounter, base, ops } }) => {
      const { userId } = principal;
      const read = ops.map(toOp);
      const device = unwrap(await access.openReplica(principal, id));
      const pushed = await push({ userId, device, firstCounter, base, ops: read });
      if (!pushed.ok && pushed.error.code === 'counter_gap') {
        throw new AppError('counter_gap', undefined, [], { expected: pushed.error.expected });
      }
      const { acked, head, events } = unwrap(pushed);
      await access.touchDevice(userId, device.ordinal, base);
      return { status: 200, body: { acked, head, events: events.map(eventToJson) } };
    },
  );
}

function toOp(op: JsonPushedOp, index: number): PushedOp {
  try {
    return opFromJson(op, `ops.${index}`);
  } catch (error) {
    if (!(error instanceof MalformedValue)) throw error;
    throw new AppError('invalid_request', undefined, [{ path: error.path, message: error.message }]);
  }
}

const positionToJson = ({ cursor, head, done }: SyncPosition) => ({ cursor: syncCursorToText(cursor), head, done });

type Change = Parameters<typeof memoryToJson>;

function changeToJson(
  { memory, accessCount }: { readonly memory: Change[0]; readonly accessCount: number },
  embedded: boolean,
): z.input<typeof changeSchema> {
  const { id, seq, deleted } = memory;
  return deleted ? { id, seq, deleted } : { id, seq, deleted, memory: memoryToJson(memory, accessCount, embedded) };
}

/** The cursor to go on with stands in a header: the frame has no place for it. */
function toBinary({ delta, cursor, head, done }: DeltaAnswer) {
  const hash = done ? { hash: stateHashToString(delta.stateHash) } : {};
  const frame = packDelta({ from: delta.from, head, ...hash }, delta);
  return binaryAnswer(frame, cursor);
}
