/**
 * The JSON form of the frames: the zod schemas are the contract of text frames and of the HTTP twins; types, OpenAPI and
 * the protocol fingerprint come from them. Keep refinements off these: a fingerprint cannot see them.
 */
import { z } from 'zod';
import { maxPatchOperations } from '../core/change.ts';
import { type ConflictId, type DeviceId, type Epoch, idSchema, type MemoryId } from '../core/ids.ts';
import { memoryScopes, memoryTypes } from '../core/memory.ts';
import { sourceSchema } from '../core/memory-schemas.ts';
import { wireLimits } from './limits.ts';

const count = z.int().min(0);
const time = z.iso.datetime();
const hlc = z.string().regex(/^\d{1,15}-\d{1,5}$/, 'must be "<Unix ms>-<counter>"');

export const patchOperationSchema = z.object({
  op: z.enum(['add', 'replace', 'remove']),
  path: z.string().max(512),
  value: z.unknown().optional(),
});

export const pushedOpSchema = z.object({
  memoryId: idSchema<MemoryId>(),
  hlc,
  base: count.optional(),
  patch: z.array(patchOperationSchema).max(maxPatchOperations),
});

export const pushBody = {
  firstCounter: z.int().min(1),
  base: count,
  ops: z.array(pushedOpSchema).max(wireLimits.maxOps),
};

/** HELLO over HTTP, where the token is in the header. */
export const helloBody = {
  protocol: count,
  flags: count.default(0),
  device: idSchema<DeviceId>(),
  epoch: z.nullish(idSchema<Epoch>()),
  cursor: count,
  lastCounter: count,
  now: count,
  resume: z.object({ at: count, after: idSchema<MemoryId>() }).nullish(),
};

const hello = z.object({ type: z.literal('HELLO'), ...helloBody, token: z.string().optional() });

const ping = z.object({ type: z.literal('PING') });
const pong = z.object({ type: z.literal('PONG'), now: count.optional() });

export const clientFrameSchema = z.discriminatedUnion('type', [
  hello,
  z.object({ type: z.literal('PUSH'), ...pushBody }),
  z.object({ type: z.literal('GOT'), to: count }),
  z.object({ type: z.literal('AUTH'), token: z.string() }),
  ping,
  pong,
]);

export const conflictRefSchema = z.object({
  id: idSchema<ConflictId>(),
  register: z.string(),
  winnerSeq: count,
  loserSeq: count,
});

export const eventSchema = z.object({
  seq: count,
  device: z.guid(),
  counter: count,
  hlc,
  at: time,
  memoryId: z.guid(),
  kind: z.enum(['create', 'update', 'delete', 'restore', 'erase', 'reject', 'collect']),
  outcome: z.enum(['applied', 'superseded', 'rejected']),
  code: z.string().optional(),
  lost: z.array(z.string()).optional(),
  conflicts: z.array(conflictRefSchema).optional(),
  patch: z.array(patchOperationSchema).optional(),
  floor: count.optional(),
  collected: z.array(z.guid()).optional(),
});

const snapshotMemorySchema = z.object({
  id: z.guid(),
  seq: count,
  fields: z.object({
    content: z.string(),
    type: z.enum(memoryTypes),
    scope: z.enum(memoryScopes),
    confidence: z.number().nullable(),
    source: z.nullable(sourceSchema),
    tags: z.array(z.string()),
    deleted: z.boolean(),
    erased: z.boolean().optional(),
    createdAt: time,
    updatedAt: time,
  }),
});

export const welcomeSchema = z.object({
  type: z.literal('WELCOME'),
  protocol: count,
  epoch: z.guid(),
  head: count,
  floor: count,
  lastCounter: count,
  now: count,
  tokenExpiresAt: time,
  limits: z.object({ maxFrameBytes: count, maxOps: count, maxInFlight: count }),
});

export const snapshotSchema = z.object({
  type: z.literal('SNAPSHOT'),
  at: count,
  next: z.guid().nullable(),
  memories: z.array(snapshotMemorySchema),
});

export const resetSchema = z.object({
  type: z.literal('RESET'),
  code: z.enum(['cursor_expired', 'cursor_ahead', 'epoch_mismatch', 'device_forked']),
  epoch: z.guid(),
  floor: count,
  head: count,
  shared: count.nullable(),
});

export const serverFrameSchema = z.discriminatedUnion('type', [
  welcomeSchema,
  z.object({
    type: z.literal('DELTA'),
    from: count,
    to: count,
    head: count,
    acked: count.optional(),
    hash: z.string().optional(),
    events: z.array(eventSchema),
  }),
  snapshotSchema,
  resetSchema,
  z.object({ type: z.literal('ERROR'), code: z.string(), detail: z.string(), expected: count.optional() }),
  ping,
  pong,
]);

export type JsonEvent = z.infer<typeof eventSchema>;
export type JsonServerFrame = z.infer<typeof serverFrameSchema>;
export type JsonClientFrame = z.input<typeof clientFrameSchema>;
export type JsonPushedOp = z.infer<typeof pushedOpSchema>;
export type JsonHello = z.output<z.ZodObject<typeof helloBody>>;
