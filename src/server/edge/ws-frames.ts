/** Frames of one socket in its own form: MessagePack or JSON, deflated where the client takes it. */
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import { packDeflated, packDelta, packServerFrame, unpackClientFrame, unpackServerFrame } from '../../protocol/binary-codec.ts';
import type { ClientFrame, Delta, DeltaHeader, ServerFrame } from '../../protocol/frames.ts';
import { serverFrameToJson } from '../../protocol/json-codec.ts';
import { wireLimits } from '../../protocol/limits.ts';
import { parseClientFrame } from '../../protocol/parse-client-frame.ts';
import type { FrameForm, SyncPiece } from './sync-piece.ts';

/** @throws MalformedValue */
export function readFrame(data: Buffer, form: FrameForm): ClientFrame {
  return form === 'binary' ? unpackClientFrame(data) : parseClientFrame(data.toString('utf8'));
}

export function writeFrame(frame: Exclude<ServerFrame, Delta>, form: FrameForm): Uint8Array | string {
  return form === 'binary' ? packServerFrame(frame) : JSON.stringify(serverFrameToJson(frame));
}

/**
 * SYN-11: the stored bytes behind a header. A frame that acknowledges nothing is the same for every socket of the user, so
 * it is made once and kept with the piece.
 */
export function writeDelta(header: DeltaHeader, piece: SyncPiece, form: FrameForm): Uint8Array | string {
  if (header.acked !== undefined || header.head !== piece.to) return encodeDelta(header, piece, form);
  const kept = piece.frames[form];
  if (kept !== undefined) return kept;
  const frame = encodeDelta(header, piece, form);
  piece.frames[form] = frame;
  return frame;
}

const deflate = promisify(deflateRaw);

/** On the thread pool, at the level that costs least: sync text shrinks to a third at level 1 already. */
export async function deflateFrame(frame: Uint8Array): Promise<Uint8Array> {
  return packDeflated(await deflate(frame, { level: 1 }));
}

export const isWorthDeflating = (frame: Uint8Array | string): frame is Uint8Array =>
  typeof frame !== 'string' && frame.length > wireLimits.deflateAboveBytes;

function encodeDelta(header: DeltaHeader, piece: SyncPiece, form: FrameForm): Uint8Array | string {
  const packed = packDelta(header, piece);
  return form === 'binary' ? packed : JSON.stringify(serverFrameToJson(unpackServerFrame(packed)));
}
