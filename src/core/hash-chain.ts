/**
 * The tamper-evident chain of a user's log (LOG-4): a hash list whose payloads are committed to by a salted hash, so that
 * erasing payload and salt leaves the chain verifiable and the erased text unguessable.
 */

import { type ConflictId, type Epoch, idFromBytes, idToBytes, type MemoryId } from './ids.ts';
import type { RegisterName } from './register.ts';
import { utf8 } from './utf8.ts';

/** SHA-256 (FIPS 180-4) over the concatenation of the parts: 32 bytes. Passed in, since pure code has no crypto. */
export type Sha256 = (...parts: readonly Uint8Array[]) => Uint8Array;

export const saltBytes = 16;

/** The hash before a user's first event. */
export function genesisHash(sha256: Sha256, epoch: Epoch): Uint8Array {
  return sha256(utf8('aibrain log 1'), idToBytes(epoch));
}

/** `SHA-256(salt ‖ payload)` */
export function payloadHash(sha256: Sha256, salt: Uint8Array, payload: Uint8Array): Uint8Array {
  return sha256(salt, payload);
}

/** `SHA-256(previous ‖ header ‖ payload hash)`. The header begins with the seq and fixes everything but the payload. */
export function eventHash(sha256: Sha256, previous: Uint8Array, header: Uint8Array, payload: Uint8Array): Uint8Array {
  return sha256(previous, header, payload);
}

/** The id of a conflict follows from what it is about, so rebuilding finds the same one: a UUIDv8 (RFC 9562 §5.8). */
export function conflictId(
  sha256: Sha256,
  epoch: Epoch,
  memoryId: MemoryId,
  register: RegisterName,
  loserSeq: number,
): ConflictId {
  const name = utf8(`${register}\0${loserSeq}`);
  const bytes = sha256(idToBytes(epoch), idToBytes(memoryId), name).slice(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return idFromBytes(bytes);
}
