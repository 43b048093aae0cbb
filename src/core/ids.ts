/** Branded ids. All are UUIDs (RFC 9562) in lower-case text; on the binary wire and in the log they are their 16 bytes. */
import * as z from 'zod/mini';

declare const brand: unique symbol;
type Branded<B extends string> = string & { readonly [brand]: B };

export type UserId = Branded<'UserId'>;
export type DeviceId = Branded<'DeviceId'>;
export type MemoryId = Branded<'MemoryId'>;
export type ConflictId = Branded<'ConflictId'>;
export type SessionId = Branded<'SessionId'>;
/** One lineage of a user's log; changes when the store is restored or reset. */
export type Epoch = Branded<'Epoch'>;

export type AnyId = UserId | DeviceId | MemoryId | ConflictId | SessionId | Epoch;

/** The server's own replica, the writer of every REST request: the same id for every user, ordinal 0. */
export const serverDeviceId = '00000000-0000-0000-0000-000000000000' as DeviceId;

/** RFC 9562 §5.9: what stands where an event is about no single memory. */
export const nilMemoryId = '00000000-0000-0000-0000-000000000000' as MemoryId;

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Schema of an id: any UUID, upper or lower case, in; lower case out. */
export const idSchema = <Id extends AnyId>() =>
  z
    .string('must be a UUID')
    .check(z.toLowerCase(), z.regex(pattern, 'must be a UUID'))
    .register(z.globalRegistry, { format: 'uuid' }) as unknown as z.ZodMiniType<Id, string>;

/** The id that the text spells, or null when it is no UUID. */
export function parseId<Id extends AnyId>(text: unknown): Id | null {
  if (typeof text !== 'string') return null;
  const lower = text.toLowerCase();
  return pattern.test(lower) ? (lower as Id) : null;
}

export function idToBytes(id: AnyId): Uint8Array {
  const bytes = new Uint8Array(16);
  let at = 0;
  for (let i = 0; i < 36; i += 2) {
    if (id.charCodeAt(i) === hyphen) i++;
    bytes[at++] = (nibble(id.charCodeAt(i)) << 4) | nibble(id.charCodeAt(i + 1));
  }
  return bytes;
}

/** @throws RangeError unless there are 16 bytes. */
export function idFromBytes<Id extends AnyId>(bytes: Uint8Array): Id {
  if (bytes.length !== 16) throw new RangeError(`an id has 16 bytes, not ${bytes.length}`);
  let text = '';
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
    text += hexByByte[bytes[i] ?? 0];
  }
  return text as Id;
}

const hyphen = 0x2d;
const hexByByte: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const nibble = (code: number): number => (code < 0x3a ? code - 0x30 : code - 0x57);
