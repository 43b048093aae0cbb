/** /memories/sync: pulling and pushing without a socket. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../core/errors.ts';
import { type DeviceId, type Epoch, idSchema, type MemoryId } from '../../core/ids.ts';
import { stateHashToString } from '../../core/state-hash.ts';
import { packDelta } from '../../protocol/binary-codec.ts';
import type { PushedOp } from '../../protocol/frames.ts';
import { eventToJson, opFromJson } from '../../protocol/json-codec.ts';
import { eventSchema, type JsonPushedOp, pushBody } from '../../protocol/json-frames.ts';
import { MalformedValue } from '../../protocol/packed-values.ts';
import type { Access } from '../access/access.ts';
import type { PushOps } from '../command/push-ops.ts';
import type { Queryable } from '../infra/database.ts';
import {
  type DeltaAnswer,
  readChanges,
  readUpdatedBytes,
  readUpdatedEvents,
  type SyncCursor,
  type SyncPosition,
} from '../read/read-changes.ts';
import { decodeCursor, encodeCursor } from './cursor.ts';
import { memorySchema, memoryToJson } from './memory-json.ts';
import { cursorText, limit } from './query-values.ts';
import { route } from './route.ts';
import { unwrap } from './unwrap.ts';

export interface SyncRouteDeps {
  readonly db: Queryable;
  readonly push: PushOps;
  readonly access: Pick<Access, 'openReplica' | 'touchDevice'>;
}

const position = { cursor: z.string(), head: z.int(), done: z.boolean() };

const changeSchema = z.object({ id: idSchema<MemoryId>(), seq: z.int(), deleted: z.boolean(), memory: memorySchema.optional() });

const updatesSchema = z.union([
  z.object({ changes: z.array(changeSchema), ...position }),
  z.object({ events: z.array(eventSchema), ...position }),
]);

const cursorSchema = z.tuple([idSchema<Epoch>(), z.int().min(0)]);

const binary = 'application/msgpack';

const tag = 'sync';

export function registerSyncRoutes(app: FastifyInstance, deps: SyncRouteDeps): void {
  registerUpdates(app, deps);
  registerPush(app, deps);
}

function registerUpdates(app: FastifyInstance, { db }: SyncRouteDeps): void {
  route(
    app,
    {
      method: 'GET',
      url: '/memories/sync/updates',
      summary:
        'What changed after a cursor: memories as they stand, or form=events; Accept: application/msgpack for a DELTA frame',
      tag,
      auth: true,
      query: z.strictObject({
        cursor: cursorText.optional(),
        limit: limit(1_000, 500).meta({ description: 'Events to go through.' }),
        form: z.enum(['changes', 'events']).default('changes'),
      }),
      answers: { 200: { json: updatesSchema, mediaTypes: [binary] } },
      errors: ['cursor_ahead', 'epoch_mismatch', 'cursor_expired'],
    },
    async ({ principal: { userId }, query, request }) => {
      const pull = { userId, cursor: query.cursor === undefined ? null : parseCursor(query.cursor), limit: query.limit };
      if (request.headers.accept?.includes(binary) === true) return toBinary(unwrap(await readUpdatedBytes(db, pull)));
      if (query.form === 'events') {
        const { events, ...at } = unwrap(await readUpdatedEvents(db, pull));
        return { status: 200, body: { events: events.map(eventToJson), ...positionToJson(at) } };
      }
      const { changes, ...at } = unwrap(await readChanges(db, pull));
      return { status: 200, body: { changes: changes.map(changeToJson), ...positionToJson(at) } };
    },
  );
}

function registerPush(app: FastifyInstance, { push, access }: SyncRouteDeps): void {
  route(
    app,
    {
      method: 'POST',
      url: '/memories/sync/push',
      summary: 'Ops of a device, as a PUSH frame holds them. Safe to repeat: known counters are answered with what was recorded',
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

function parseCursor(text: string): SyncCursor {
  const [epoch, seq] = decodeCursor('sync', text, cursorSchema);
  return { epoch, seq };
}

const cursorToText = ({ epoch, seq }: SyncCursor): string => encodeCursor('sync', [epoch, seq]);

const positionToJson = ({ cursor, head, done }: SyncPosition) => ({ cursor: cursorToText(cursor), head, done });

type Change = Parameters<typeof memoryToJson>;

function changeToJson({
  memory,
  accessCount,
}: {
  readonly memory: Change[0];
  readonly accessCount: number;
}): z.input<typeof changeSchema> {
  const { id, seq, deleted } = memory;
  return deleted ? { id, seq, deleted } : { id, seq, deleted, memory: memoryToJson(memory, accessCount) };
}

/** The cursor to go on with stands in a header: the frame has no place for it. */
function toBinary({ delta, cursor, head, done }: DeltaAnswer) {
  const hash = done ? { hash: stateHashToString(delta.stateHash) } : {};
  const frame = packDelta({ from: delta.from, head, ...hash }, delta);
  const headers = { 'content-type': binary, 'sync-cursor': cursorToText(cursor) };
  return { status: 200, headers, body: Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength) } as const;
}
