/**
 * Frames as MessagePack arrays: the frame's code, then its fields by position. Ids are 16 bytes, stamps of a PUSH are
 * differences, devices of a DELTA are ordinals with one table per frame. Layouts: docs/PROTOCOL.md; golden bytes guard them.
 */
import { isHlc } from '../core/clock.ts';
import { type DeviceId, type Epoch, idFromBytes, idToBytes, type MemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import { stateHashFromString, stateHashToString } from '../core/state-hash.ts';
import type { ClientFrame, Delta, DeltaHeader, PushedOp, ResetCode, ServerFrame, Snapshot, SnapshotPlace } from './frames.ts';
import { wireLimits } from './limits.ts';
import { concatBytes, pack, unpack, unpackUntrusted } from './message-pack.ts';
import { changeFromPacked, changeToPacked } from './packed-change.ts';
import { asArray, asBytes, asInteger, asText, MalformedValue } from './packed-values.ts';
import { eventFromPacked, joinEvents } from './wire-events.ts';

/** The first item of a frame: append only. */
export const frameCodes = {
  HELLO: 1,
  WELCOME: 2,
  PUSH: 3,
  DELTA: 4,
  SNAPSHOT: 5,
  GOT: 6,
  AUTH: 7,
  RESET: 8,
  ERROR: 9,
  PING: 10,
  PONG: 11,
  DEFLATED: 12,
} as const;

const resetCodes: readonly ResetCode[] = ['cursor_expired', 'cursor_ahead', 'epoch_mismatch', 'device_forked'];

/** A contiguous piece of the log as it is stored: events `from + 1` … `from + count`. */
export interface StoredDelta {
  readonly from: number;
  readonly count: number;
  /** The events one after the other, as packed by wire-events. */
  readonly events: Uint8Array;
  /** At least the devices that the events name. */
  readonly deviceByOrdinal: ReadonlyMap<number, DeviceId>;
}

export function packClientFrame(frame: ClientFrame): Uint8Array {
  const code = frameCodes[frame.type];
  switch (frame.type) {
    case 'HELLO': {
      const { protocol, flags, device, epoch, cursor, lastCounter, token, now, resume } = frame;
      const place = resume === undefined ? [] : [[resume.at, idToBytes(resume.after)]];
      const known = [idToBytes(device), epoch && idToBytes(epoch), cursor, lastCounter];
      return pack([code, protocol, flags, ...known, token ?? null, now, ...place]);
    }
    case 'PUSH':
      return pack([code, frame.firstCounter, frame.base, frame.ops[0]?.hlc.ms ?? 0, packOps(frame.ops)]);
    case 'GOT':
      return pack([code, frame.to]);
    case 'AUTH':
      return pack([code, frame.token]);
    case 'PING':
      return pack([code]);
    case 'PONG':
      return pack([code, frame.now ?? null]);
  }
}

/** @throws MalformedValue */
export function unpackClientFrame(bytes: Uint8Array): ClientFrame {
  const items = asArray(unpackUntrusted(bytes), 'frame', 1, 10);
  switch (items[0]) {
    case frameCodes.HELLO:
      return unpackHello(items);
    case frameCodes.PUSH:
      return unpackPush(items);
    case frameCodes.GOT:
      return { type: 'GOT', to: asInteger(items[1], 'to', 0) };
    case frameCodes.AUTH:
      return { type: 'AUTH', token: asText(items[1], 'token') };
    case frameCodes.PING:
      return { type: 'PING' };
    case frameCodes.PONG:
      return { type: 'PONG' };
    default:
      throw new MalformedValue('type', 'is no frame that a client sends');
  }
}

export function packServerFrame(frame: Exclude<ServerFrame, Delta>): Uint8Array {
  const code = frameCodes[frame.type];
  switch (frame.type) {
    case 'WELCOME': {
      const { protocol, epoch, head, floor, lastCounter, now, tokenExpiresAt, limits } = frame;
      const told = [limits.maxFrameBytes, limits.maxOps, limits.maxInFlight];
      return pack([code, protocol, idToBytes(epoch), head, floor, lastCounter, now, tokenExpiresAt, told]);
    }
    case 'SNAPSHOT':
      return pack([code, frame.at, frame.next && idToBytes(frame.next), frame.memories.map(packMemory)]);
    case 'RESET':
      return pack([code, resetCodes.indexOf(frame.code), idToBytes(frame.epoch), frame.floor, frame.head, frame.shared]);
    case 'ERROR':
      return pack([code, frame.code, frame.detail, frame.expected ?? null]);
    case 'PING':
      return pack([code]);
    case 'PONG':
      return pack([code, frame.now ?? null]);
  }
}

/** `[4, from, head, acked, hash, devices, events]`. The stored events are copied as they are, never decoded. */
export function packDelta(header: DeltaHeader, delta: StoredDelta): Uint8Array {
  const devices = Array.from(delta.deviceByOrdinal, ([ordinal, id]) => [ordinal, idToBytes(id)]);
  const prefix = pack([frameCodes.DELTA, header.from, header.head, header.acked ?? null, packHash(header.hash), devices]);
  prefix[0] = 0x97;
  return concatBytes([prefix, joinEvents(delta.count, delta.events)]);
}

/** A deflated frame: `[12, bytes]`, the raw DEFLATE stream (RFC 1951) of a whole frame. */
export function packDeflated(deflated: Uint8Array): Uint8Array {
  return pack([frameCodes.DEFLATED, deflated]);
}

/** The DEFLATE stream when the frame is a deflated one, else null. */
export function deflatedBytes(frame: Uint8Array): Uint8Array | null {
  if (frame[0] !== 0x92 || frame[1] !== frameCodes.DEFLATED) return null;
  return asArray(unpack(frame), 'frame')[1] as Uint8Array;
}

/** Reads what the server sent. @throws MalformedValue */
export function unpackServerFrame(bytes: Uint8Array): ServerFrame {
  const items = asArray(unpack(bytes), 'frame', 1);
  switch (items[0]) {
    case frameCodes.WELCOME:
      return unpackWelcome(items);
    case frameCodes.DELTA:
      return unpackDelta(items);
    case frameCodes.SNAPSHOT:
      return unpackSnapshot(items);
    case frameCodes.RESET: {
      const code = resetCodes[asInteger(items[1], 'code')] ?? 'epoch_mismatch';
      return {
        type: 'RESET',
        code,
        epoch: idAt(items[2], 'epoch'),
        floor: asInteger(items[3], 'floor'),
        head: asInteger(items[4], 'head'),
        shared: items[5] === null || items[5] === undefined ? null : asInteger(items[5], 'shared'),
      };
    }
    case frameCodes.ERROR: {
      const error = { type: 'ERROR', code: asText(items[1], 'code'), detail: asText(items[2], 'detail') } as const;
      return items[3] === null ? error : { ...error, expected: asInteger(items[3], 'expected') };
    }
    case frameCodes.PING:
      return { type: 'PING' };
    case frameCodes.PONG:
      return typeof items[1] === 'number' ? { type: 'PONG', now: items[1] } : { type: 'PONG' };
    default:
      throw new MalformedValue('type', 'is no frame that a server sends');
  }
}

function packOps(ops: readonly PushedOp[]): unknown[] {
  let before = ops[0]?.hlc.ms ?? 0;
  return ops.map((op) => {
    const item: unknown[] = [idToBytes(op.memoryId), op.hlc.ms - before, op.hlc.count, changeToPacked(op.change)];
    if (op.base !== undefined) item.push(op.base);
    before = op.hlc.ms;
    return item;
  });
}

function unpackHello(items: readonly unknown[]): ClientFrame {
  const [, protocol, flags, device, epoch, cursor, lastCounter, token, now, resume] = asArray(items, 'HELLO', 9, 10);
  const hello = {
    type: 'HELLO',
    protocol: asInteger(protocol, 'protocol', 0),
    flags: asInteger(flags, 'flags', 0),
    device: idAt<DeviceId>(device, 'device'),
    epoch: epoch === null ? null : idAt<Epoch>(epoch, 'epoch'),
    cursor: asInteger(cursor, 'cursor', 0),
    lastCounter: asInteger(lastCounter, 'lastCounter', 0),
    now: asInteger(now, 'now', 0),
  } as const;
  return {
    ...hello,
    ...(token === null ? {} : { token: asText(token, 'token') }),
    ...(resume === null || resume === undefined ? {} : { resume: unpackPlace(resume) }),
  };
}

function unpackPlace(item: unknown): SnapshotPlace {
  const [at, after] = asArray(item, 'resume', 2, 2);
  return { at: asInteger(at, 'resume.at', 0), after: idAt<MemoryId>(after, 'resume.after') };
}

function unpackPush(items: readonly unknown[]): ClientFrame {
  const [, firstCounter, base, firstMs, ops] = asArray(items, 'PUSH', 5, 5);
  const push = { firstCounter: asInteger(firstCounter, 'firstCounter', 1), base: asInteger(base, 'base', 0) };
  let ms = asInteger(firstMs, 'hlc', 0);
  const read = asArray(ops, 'ops', 0, wireLimits.maxOps).map((item, index) => {
    const op = unpackOp(item, ms, `ops.${index}`);
    ms = op.hlc.ms;
    return op;
  });
  return { type: 'PUSH', ...push, ops: read };
}

function unpackOp(item: unknown, before: number, path: string): PushedOp {
  const [memoryId, difference, count, patch, base] = asArray(item, path, 4, 5);
  const hlc = { ms: before + asInteger(difference, `${path}.hlc`), count: asInteger(count, `${path}.hlc`, 0) };
  if (!isHlc(hlc)) throw new MalformedValue(`${path}.hlc`, 'must be below 2^48 ms and 2^16');
  const op = { memoryId: idAt<MemoryId>(memoryId, `${path}.memoryId`), hlc, change: changeFromPacked(patch, `${path}.patch`) };
  return base === undefined ? op : { ...op, base: asInteger(base, `${path}.base`, 0) };
}

function unpackWelcome(items: readonly unknown[]): ServerFrame {
  const [, protocol, epoch, head, floor, lastCounter, now, tokenExpiresAt, limits] = asArray(items, 'WELCOME', 9);
  const [maxFrameBytes, maxOps, maxInFlight] = asArray(limits, 'limits', 3).map((limit) => asInteger(limit, 'limits'));
  return {
    type: 'WELCOME',
    protocol: asInteger(protocol, 'protocol'),
    epoch: idAt(epoch, 'epoch'),
    head: asInteger(head, 'head'),
    floor: asInteger(floor, 'floor'),
    lastCounter: asInteger(lastCounter, 'lastCounter'),
    now: asInteger(now, 'now'),
    tokenExpiresAt: asInteger(tokenExpiresAt, 'tokenExpiresAt'),
    limits: { maxFrameBytes: maxFrameBytes ?? 0, maxOps: maxOps ?? 0, maxInFlight: maxInFlight ?? 0 },
  };
}

function unpackDelta(items: readonly unknown[]): Delta {
  const [, from, head, acked, hash, devices, events] = asArray(items, 'DELTA', 7);
  const deviceByOrdinal = new Map(
    asArray(devices, 'devices').map((entry) => {
      const [ordinal, id] = asArray(entry, 'devices', 2);
      return [asInteger(ordinal, 'devices'), idAt<DeviceId>(id, 'devices')] as const;
    }),
  );
  const first = asInteger(from, 'from');
  const read = asArray(events, 'events').map((item, index) => eventFromPacked(item, first + index + 1, deviceByOrdinal));
  return {
    type: 'DELTA',
    from: first,
    to: first + read.length,
    head: asInteger(head, 'head'),
    events: read,
    ...(acked === null ? {} : { acked: asInteger(acked, 'acked') }),
    ...(hash === null ? {} : { hash: unpackHash(asBytes(hash, 'hash', 8)) }),
  };
}

/** `[id, seq, createdAt, updatedAt, state, patch]`; state: 0 live, 1 deleted, 2 erased. */
function packMemory(memory: Memory): unknown[] {
  const { id, seq, createdAt, updatedAt, deleted, erased } = memory;
  const writes = [
    { register: 'content', value: memory.content } as const,
    { register: 'type', value: memory.type } as const,
    { register: 'scope', value: memory.scope } as const,
    ...(memory.confidence === null ? [] : [{ register: 'confidence', value: memory.confidence } as const]),
    ...(memory.source === null ? [] : [{ register: 'source', value: memory.source } as const]),
    ...memory.tags.map((tag) => ({ register: `tags/${tag}`, value: true }) as const),
  ];
  return [idToBytes(id), seq, createdAt, updatedAt, erased ? 2 : deleted ? 1 : 0, changeToPacked({ writes })];
}

function unpackSnapshot(items: readonly unknown[]): Snapshot {
  const [, at, next, memories] = asArray(items, 'SNAPSHOT', 4);
  return {
    type: 'SNAPSHOT',
    at: asInteger(at, 'at'),
    next: next === null ? null : idAt(next, 'next'),
    memories: asArray(memories, 'memories').map(unpackMemory),
  };
}

function unpackMemory(item: unknown): Memory {
  const [id, seq, createdAt, updatedAt, state, patch] = asArray(item, 'memories', 6);
  const { writes } = changeFromPacked(patch, 'memories.patch');
  const value = (register: string) => writes.find((write) => write.register === register)?.value ?? null;
  return {
    id: idAt(id, 'memories.id'),
    seq: asInteger(seq, 'memories.seq'),
    createdAt: asInteger(createdAt, 'memories.createdAt'),
    updatedAt: asInteger(updatedAt, 'memories.updatedAt'),
    deleted: state !== 0,
    erased: state === 2,
    content: value('content') as Memory['content'],
    type: value('type') as Memory['type'],
    scope: value('scope') as Memory['scope'],
    confidence: value('confidence') as Memory['confidence'],
    source: value('source') as Memory['source'],
    tags: writes.flatMap(({ register }) => (register.startsWith('tags/') ? [register.slice(5)] : [])),
  };
}

function packHash(hash: string | undefined): Uint8Array | null {
  if (hash === undefined) return null;
  const { high, low } = stateHashFromString(hash);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, high);
  new DataView(bytes.buffer).setUint32(4, low);
  return bytes;
}

function unpackHash({ buffer, byteOffset, byteLength }: Uint8Array): string {
  const view = new DataView(buffer, byteOffset, byteLength);
  return stateHashToString({ high: view.getUint32(0), low: view.getUint32(4) });
}

function idAt<Id extends DeviceId | MemoryId | Epoch>(value: unknown, path: string): Id {
  return idFromBytes<Id>(asBytes(value, path, 16));
}
