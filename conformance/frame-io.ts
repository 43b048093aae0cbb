/**
 * Frames as they stand on the wire. What a server sends is read strictly: exactly one value of standard MessagePack, or JSON,
 * of the shape that the schemas give, in either form.
 */
import { inflateRawSync } from 'node:zlib';
import { deflatedBytes, packClientFrame, unpackServerFrame } from '../src/protocol/binary-codec.ts';
import type { ClientFrame, ServerFrame } from '../src/protocol/frames.ts';
import { clientFrameToJson, parseServerFrame, serverFrameToJson } from '../src/protocol/json-codec.ts';
import { serverFrameSchema } from '../src/protocol/json-frames.ts';
import { unpackUntrusted } from '../src/protocol/message-pack.ts';
import { CheckFailure, show } from './expect.ts';

export type FrameForm = 'binary' | 'text';

export interface ReceivedFrame {
  readonly frame: ServerFrame;
  readonly form: FrameForm;
  readonly isDeflated: boolean;
  /** As they came. */
  readonly bytes: number;
}

export function encodeFrame(frame: ClientFrame, form: FrameForm): Uint8Array | string {
  return form === 'binary' ? packClientFrame(frame) : JSON.stringify(clientFrameToJson(frame));
}

/** @throws CheckFailure when it is no frame of a server. */
export function decodeFrame(data: Uint8Array, form: FrameForm): ReceivedFrame {
  try {
    return form === 'binary' ? decodeBinary(data) : decodeText(Buffer.from(data).toString('utf8'), data.length);
  } catch (error) {
    const shown = form === 'binary' ? show(data) : show(Buffer.from(data).toString('utf8'));
    throw new CheckFailure(`expected a frame in ${form} form, got ${shown}: ${error instanceof Error ? error.message : error}`);
  }
}

function decodeBinary(data: Uint8Array): ReceivedFrame {
  unpackUntrusted(data);
  const deflated = deflatedBytes(data);
  const plain = deflated === null ? data : inflateRawSync(deflated);
  unpackUntrusted(plain);
  const frame = unpackServerFrame(plain);
  assertShape(serverFrameToJson(frame));
  return { frame, form: 'binary', isDeflated: deflated !== null, bytes: data.length };
}

function decodeText(text: string, bytes: number): ReceivedFrame {
  assertShape(JSON.parse(text));
  return { frame: parseServerFrame(text), form: 'text', isDeflated: false, bytes };
}

function assertShape(frame: unknown): void {
  const parsed = serverFrameSchema.safeParse(frame);
  const issue = parsed.error?.issues[0];
  if (issue !== undefined) throw new Error(`${issue.path.join('.')} ${issue.message}`);
}
