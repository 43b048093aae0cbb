/** A stored event taken apart for its proof. Its bytes may be anything once somebody has tampered with them. */
import type { LogEvent } from '../../core/event.ts';
import { payloadHash } from '../../core/hash-chain.ts';
import type { DeviceId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { sha256 } from '../infra/bytes.ts';
import { bytesToMeta } from './log-bytes.ts';
import { type EventRecord, recordToEvent } from './read-events.ts';

export interface ProvenParts {
  readonly event: LogEvent;
  readonly prefix: Uint8Array;
  /** Of the payload; where it was erased, as it is kept. */
  readonly payloadHash: Uint8Array;
}

/** Or what is wrong with it, for people. */
export function takeApart(record: EventRecord, deviceByOrdinal: ReadonlyMap<number, DeviceId>): Result<ProvenParts, string> {
  const decoded = decode(record, deviceByOrdinal);
  if (decoded === null) return err('the bytes are no event');
  const { event, payloadAt } = decoded;
  const hash = hashOfPayload(record, record.wire.subarray(payloadAt));
  return hash.ok ? ok({ event, prefix: record.wire.subarray(0, payloadAt), payloadHash: hash.value }) : hash;
}

/** Null: the decoder throws errors of several kinds for bytes that it cannot read. */
function decode(record: EventRecord, deviceByOrdinal: ReadonlyMap<number, DeviceId>) {
  try {
    return { event: recordToEvent(record, deviceByOrdinal), payloadAt: bytesToMeta(record.meta).payloadAt };
  } catch {
    return null;
  }
}

function hashOfPayload({ salt, payload_hash: kept }: EventRecord, payload: Uint8Array): Result<Uint8Array, string> {
  if (salt !== null) return kept === null ? ok(payloadHash(sha256, salt, payload)) : err('a payload hash stands beside its salt');
  if (kept === null) return err('salt and payload hash are both gone');
  return payload.every((byte) => byte === nil) ? ok(kept) : err('an erased payload is not blank');
}

/** MessagePack. */
const nil = 0xc0;
