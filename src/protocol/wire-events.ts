/**
 * Events in the form in which the log stores them and a DELTA carries them (SYN-11): one MessagePack array per event,
 * without its seq, which follows from its place. The payload, which erasure blanks, is what follows the memory id: extras
 * name registers, and so tags, as the patch does. A stored event is `prefix ‖ payload`.
 *
 *   [code, device, counter, at, hlc.ms − at, hlc.count, memoryId, extras?, patch]
 *
 * code = kind | outcome << 4. device is the ordinal. extras = [lost, conflicts, rejection code] stands only where there is
 * something in it. patch is `packChange`'s, and for kind `collect` [floor, [memory id …]].
 */
import { type Collected, type ConflictRef, eventKinds, type LogEvent, outcomes, rejectionCodes } from '../core/event.ts';
import { type DeviceId, idFromBytes, idToBytes } from '../core/ids.ts';
import type { RejectionCode } from '../core/merge.ts';
import type { RegisterName } from '../core/register.ts';
import { concatBytes, pack } from './message-pack.ts';
import { changeFromPacked, packChange, registerFromCode, registerToCode } from './packed-change.ts';
import { asArray, asBytes, asInteger, MalformedValue } from './packed-values.ts';

export interface StoredEvent {
  readonly prefix: Uint8Array;
  readonly payload: Uint8Array;
}

const nil = 0xc0;

/** Headers of arrays of 8 and 9 items: `pack` writes that of the prefix's 7. */
const withoutExtras = 0x98;
const withExtras = 0x99;

/** The payload of an event whose content was erased: MessagePack nil in place of each of its items. */
export function erasedPayload(prefix: Uint8Array): Uint8Array {
  return prefix[0] === withExtras ? Uint8Array.of(nil, nil) : Uint8Array.of(nil);
}

/** @param device the writer's ordinal. */
export function packEvent(event: Omit<LogEvent, 'seq' | 'device'>, device: number): StoredEvent {
  const items: unknown[] = [
    eventKinds.indexOf(event.kind) | (outcomes.indexOf(event.outcome) << 4),
    device,
    event.counter,
    event.at,
    event.hlc.ms - event.at,
    event.hlc.count,
    idToBytes(event.memoryId),
  ];
  const prefix = pack(items);
  const hasExtras = event.lost.length > 0 || event.conflicts.length > 0 || event.code !== undefined;
  prefix[0] = hasExtras ? withExtras : withoutExtras;
  const patch = packPatch(event);
  return { prefix, payload: hasExtras ? concatBytes([pack(packExtras(event)), patch]) : patch };
}

/** An array header followed by events as they are stored: the `events` item of a binary DELTA. */
export function joinEvents(count: number, stored: Uint8Array): Uint8Array {
  return concatBytes([arrayHeader(count), stored]);
}

/** @throws MalformedValue when the item is no event. */
export function eventFromPacked(item: unknown, seq: number, deviceByOrdinal: ReadonlyMap<number, DeviceId>): LogEvent {
  const items = asArray(item, 'event', 8, 9);
  const code = asInteger(items[0], 'event.code');
  const at = asInteger(items[3], 'event.at');
  const extras = items.length === 9 && items[7] !== null ? unpackExtras(items[7]) : noExtras;
  const kind = eventKinds[code & 0x0f] ?? 'update';
  const patch = items[items.length - 1] ?? null;
  const event: LogEvent = {
    seq,
    device: deviceByOrdinal.get(asInteger(items[1], 'event.device')) ?? unknownDevice(items[1]),
    counter: asInteger(items[2], 'event.counter'),
    hlc: { ms: at + asInteger(items[4], 'event.hlc'), count: asInteger(items[5], 'event.hlc') },
    at,
    memoryId: idFromBytes(asBytes(items[6], 'event.memoryId', 16)),
    kind,
    outcome: outcomes[code >> 4] ?? 'applied',
    lost: extras.lost,
    conflicts: extras.conflicts,
    change: patch === null || kind === 'collect' ? null : changeFromPacked(patch, 'event.patch'),
  };
  // Nearly all events end here: spreads would cost a tenth of reading one.
  if (extras.code === undefined && kind !== 'collect') return event;
  return {
    ...event,
    ...(extras.code !== undefined && { code: extras.code }),
    ...(patch !== null && kind === 'collect' && { collected: unpackCollected(patch) }),
  };
}

interface Extras {
  readonly lost: readonly RegisterName[];
  readonly conflicts: readonly ConflictRef[];
  readonly code?: RejectionCode;
}

const noExtras: Extras = { lost: [], conflicts: [] };

function packPatch({ change, collected }: Omit<LogEvent, 'seq' | 'device'>): Uint8Array {
  if (collected !== undefined) return pack([collected.floor, collected.ids.map(idToBytes)]);
  return change === null ? Uint8Array.of(nil) : packChange(change);
}

function unpackCollected(item: unknown): Collected {
  const [floor, ids] = asArray(item, 'event.collected', 2, 2);
  return {
    floor: asInteger(floor, 'event.floor', 0),
    ids: asArray(ids, 'event.collected').map((id) => idFromBytes(asBytes(id, 'event.collected', 16))),
  };
}

function packExtras(event: Omit<LogEvent, 'seq' | 'device'>): unknown[] {
  return [
    event.lost.map(registerToCode),
    event.conflicts.map((ref) => [idToBytes(ref.id), registerToCode(ref.register), ref.winnerSeq, ref.loserSeq]),
    event.code === undefined ? null : rejectionCodes.indexOf(event.code),
  ];
}

function unpackExtras(item: unknown): Extras {
  const [lost, conflicts, code] = asArray(item, 'event.extras', 3, 3);
  const known = {
    lost: asArray(lost, 'event.lost').map((entry) => registerFromCode(entry, 'event.lost')),
    conflicts: asArray(conflicts, 'event.conflicts').map(unpackConflictRef),
  };
  return code === null ? known : { ...known, code: rejectionCodes[asInteger(code, 'event.code')] ?? 'invalid_value' };
}

function unpackConflictRef(item: unknown): ConflictRef {
  const [id, register, winnerSeq, loserSeq] = asArray(item, 'event.conflicts', 4, 4);
  return {
    id: idFromBytes(asBytes(id, 'event.conflicts.id', 16)),
    register: registerFromCode(register, 'event.conflicts.register'),
    winnerSeq: asInteger(winnerSeq, 'event.conflicts.winnerSeq'),
    loserSeq: asInteger(loserSeq, 'event.conflicts.loserSeq'),
  };
}

function arrayHeader(count: number): Uint8Array {
  if (count < 16) return Uint8Array.of(0x90 | count);
  return count < 65_536
    ? Uint8Array.of(0xdc, count >> 8, count & 0xff)
    : Uint8Array.of(0xdd, count >>> 24, (count >>> 16) & 0xff, (count >>> 8) & 0xff, count & 0xff);
}

function unknownDevice(ordinal: unknown): never {
  throw new MalformedValue('event.device', `has no ordinal ${String(ordinal)} in the device table`);
}
