/** Frames to and from their JSON form. Only types come from the schemas: a client, which trusts its server, carries none. */

import { changeToPatch, type PatchOperation, patchToChange } from '../core/change.ts';
import { hlcToString, parseHlc } from '../core/clock.ts';
import type { LogEvent } from '../core/event.ts';
import type { DeviceId, MemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import type { RegisterName } from '../core/register.ts';
import type { ClientFrame, Hello, PushedOp, ServerFrame } from './frames.ts';
import type { JsonClientFrame, JsonEvent, JsonHello, JsonPushedOp, JsonServerFrame } from './json-frames.ts';
import { MalformedValue } from './packed-values.ts';

/** What HELLO says, in a frame or in the body of its HTTP twin. */
export function helloFromJson({ epoch, resume, ...hello }: JsonHello): Hello {
  return { ...hello, type: 'HELLO', epoch: epoch ?? null, ...(resume ? { resume } : {}) };
}

/** @throws MalformedValue */
export function opFromJson(op: JsonPushedOp, path: string): PushedOp {
  const hlc = parseHlc(op.hlc);
  if (!hlc.ok) throw new MalformedValue(`${path}.hlc`, hlc.error);
  const change = patchToChange(op.patch as readonly PatchOperation[]);
  if (!change.ok) throw new MalformedValue(`${path}.patch.${change.error.path.replace('/', '.')}`, change.error.message);
  const pushed = { memoryId: op.memoryId, hlc: hlc.value, change: change.value };
  return op.base === undefined ? pushed : { ...pushed, base: op.base };
}

export function clientFrameToJson(frame: ClientFrame): JsonClientFrame {
  if (frame.type !== 'PUSH') return frame;
  return { ...frame, ops: frame.ops.map(opToJson) };
}

export function opToJson(op: PushedOp): JsonPushedOp {
  const { memoryId, hlc, base, change } = op;
  return { memoryId, hlc: hlcToString(hlc), ...(base === undefined ? {} : { base }), patch: changeToPatch(change) };
}

export function serverFrameToJson(frame: ServerFrame): JsonServerFrame {
  switch (frame.type) {
    case 'WELCOME':
      return { ...frame, tokenExpiresAt: new Date(frame.tokenExpiresAt).toISOString(), limits: { ...frame.limits } };
    case 'DELTA':
      return { ...frame, events: frame.events.map(eventToJson) };
    case 'SNAPSHOT':
      return { ...frame, memories: frame.memories.map(memoryToJson) };
    default:
      return frame;
  }
}

/** @throws MalformedValue when the text is no JSON. The frame is the server's own, so its shape is trusted. */
export function parseServerFrame(text: string): ServerFrame {
  const frame = parseJson(text) as JsonServerFrame;
  switch (frame.type) {
    case 'WELCOME':
      return { ...frame, tokenExpiresAt: Date.parse(frame.tokenExpiresAt) } as ServerFrame;
    case 'DELTA':
      return { ...frame, events: frame.events.map(eventFromJson) } as ServerFrame;
    case 'SNAPSHOT':
      return { ...frame, memories: frame.memories.map(memoryFromJson) } as ServerFrame;
    default:
      return frame as ServerFrame;
  }
}

export function eventToJson(event: LogEvent): JsonEvent {
  const { seq, device, counter, hlc, at, memoryId, kind, outcome, code, lost, conflicts, change, collected } = event;
  return {
    seq,
    device,
    counter,
    hlc: hlcToString(hlc),
    at: new Date(at).toISOString(),
    memoryId,
    kind,
    outcome,
    ...(code === undefined ? {} : { code }),
    ...(lost.length === 0 ? {} : { lost: [...lost] }),
    ...(conflicts.length === 0 ? {} : { conflicts: conflicts.map((conflict) => ({ ...conflict })) }),
    ...(change === null ? {} : { patch: changeToPatch(change) }),
    ...(collected === undefined ? {} : { floor: collected.floor, collected: [...collected.ids] }),
  };
}

/** @throws MalformedValue */
export function eventFromJson({ patch, floor, collected, ...event }: JsonEvent): LogEvent {
  const hlc = parseHlc(event.hlc);
  const change = patch === undefined ? null : patchToChange(patch as readonly PatchOperation[]);
  if (!hlc.ok || change?.ok === false) throw new MalformedValue(`events.${event.seq}`, 'is no event');
  return {
    ...event,
    device: event.device as DeviceId,
    memoryId: event.memoryId as MemoryId,
    hlc: hlc.value,
    at: Date.parse(event.at),
    lost: (event.lost ?? []) as RegisterName[],
    conflicts: (event.conflicts ?? []) as LogEvent['conflicts'],
    change: change === null ? null : change.value,
    ...(collected === undefined ? {} : { collected: { floor: floor ?? 0, ids: collected } }),
  } as unknown as LogEvent;
}

type JsonSnapshotMemory = Extract<JsonServerFrame, { type: 'SNAPSHOT' }>['memories'][number];

function memoryToJson(memory: Memory): JsonSnapshotMemory {
  const { id, seq, createdAt, updatedAt, erased, tags, ...fields } = memory;
  const times = { createdAt: new Date(createdAt).toISOString(), updatedAt: new Date(updatedAt).toISOString() };
  return { id, seq, fields: { ...fields, tags: [...tags], ...(erased ? { erased } : {}), ...times } };
}

function memoryFromJson({ id, seq, fields }: JsonSnapshotMemory): Memory {
  const times = { createdAt: Date.parse(fields.createdAt), updatedAt: Date.parse(fields.updatedAt) };
  return { ...fields, id: id as MemoryId, seq, erased: fields.erased ?? false, ...times };
}

/** @throws MalformedValue */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new MalformedValue('', 'is no JSON');
  }
}
