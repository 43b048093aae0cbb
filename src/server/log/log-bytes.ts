/** What the log keeps as bytes: clocks, the state hash, the hashed header, an event's meta. */
import type { Hlc } from '../../core/clock.ts';
import type { StateHash } from '../../core/state-hash.ts';
import type { Dot, VectorClock } from '../../core/vector-clock.ts';
import { pack, unpack } from '../../protocol/message-pack.ts';

/** A flat list of ordinal and counter, by ordinal: equal clocks have equal bytes. */
export function clockToBytes(clock: VectorClock): Uint8Array {
  return pack(flattenClock(clock));
}

export function bytesToClock(bytes: Uint8Array): VectorClock {
  return unflattenClock(unpack(bytes) as number[]);
}

export function stateHashToBytes(hash: StateHash): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32BE(hash.high, 0);
  bytes.writeUInt32BE(hash.low, 4);
  return bytes;
}

export function bytesToStateHash(bytes: Buffer): StateHash {
  return { high: bytes.readUInt32BE(0), low: bytes.readUInt32BE(4) };
}

/** What an event's hash covers beside the wire bytes, and the audit shows. */
export interface EventMeta {
  /** Where the payload begins in the wire bytes. */
  readonly payloadAt: number;
  readonly base: number;
  /** Ordinal of the device on whose behalf the server wrote; null for a device's own op. */
  readonly actor: number | null;
  /** LOG-5: what the writer had seen, this op included. */
  readonly clock: VectorClock;
  /** The device's own stamp, where it was clamped (MRG-6). */
  readonly rawHlc: Hlc | null;
}

/** A vector clock as a flat list of ordinal and counter, by ordinal. */
export type FlatClock = readonly number[];

export function metaToBytes(meta: Omit<EventMeta, 'clock'> & { readonly clock: FlatClock }): Uint8Array {
  const raw = meta.rawHlc === null ? null : [meta.rawHlc.ms, meta.rawHlc.count];
  return pack([meta.payloadAt, meta.base, meta.actor, meta.clock, raw]);
}

export function bytesToMeta(bytes: Uint8Array): EventMeta {
  const [payloadAt, base, actor, clock, raw] = unpack(bytes) as [
    number,
    number,
    number | null,
    number[],
    [number, number] | null,
  ];
  const rawHlc = raw === null ? null : { ms: raw[0], count: raw[1] };
  return { payloadAt, base, actor, clock: unflattenClock(clock), rawHlc };
}

/** `seq (8 bytes, big endian) ‖ wire prefix ‖ meta`: the header of LOG-4. */
export function hashedHeader(seq: number, prefix: Uint8Array, meta: Uint8Array): Uint8Array {
  const header = Buffer.allocUnsafe(8 + prefix.length + meta.length);
  header.writeBigUInt64BE(BigInt(seq), 0);
  header.set(prefix, 8);
  header.set(meta, 8 + prefix.length);
  return header;
}

export function flattenClock(clock: VectorClock): FlatClock {
  return [...clock].sort((a, b) => a[0] - b[0]).flat();
}

/** The clock that has seen the dot too. Ops of one frame share what they had seen, so this is all that each one costs. */
export function flatClockWith(clock: FlatClock, { device, counter }: Dot): FlatClock {
  let at = 0;
  while (at < clock.length && (clock[at] ?? 0) < device) at += 2;
  const joined = clock.slice();
  joined.splice(at, clock[at] === device ? 2 : 0, device, counter);
  return joined;
}

function unflattenClock(flat: readonly number[]): VectorClock {
  const clock = new Map<number, number>();
  for (let i = 0; i < flat.length; i += 2) clock.set(flat[i] ?? 0, flat[i + 1] ?? 0);
  return clock;
}
