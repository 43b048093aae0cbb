/**
 * What a device must know of a DELTA or SNAPSHOT to count its events and confirm it, read from the first bytes of the
 * binary frame; the events themselves stay bytes. The relay's device does no more.
 */
import { frameCodes, unpackServerFrame } from '../src/protocol/binary-codec.ts';
import type { ServerFrame } from '../src/protocol/frames.ts';

export type FrameHead =
  | { readonly type: 'DELTA'; readonly from: number; readonly to: number; readonly acked?: number | undefined }
  | { readonly type: 'SNAPSHOT'; readonly at: number; readonly isLast: boolean; readonly count: number }
  | { readonly type: 'OTHER'; readonly frame: Exclude<ServerFrame, { type: 'DELTA' | 'SNAPSHOT' }> };

export function headOf(frame: ServerFrame): FrameHead {
  switch (frame.type) {
    case 'DELTA':
      return { type: 'DELTA', from: frame.from, to: frame.from + frame.events.length, acked: frame.acked };
    case 'SNAPSHOT':
      return { type: 'SNAPSHOT', at: frame.at, isLast: frame.next === null, count: frame.memories.length };
    default:
      return { type: 'OTHER', frame };
  }
}

export function readFrameHead(frame: Buffer): FrameHead {
  const reader = createReader(frame);
  reader.arrayLength();
  switch (reader.integer()) {
    case frameCodes.DELTA:
      return readDelta(reader);
    case frameCodes.SNAPSHOT:
      return { type: 'SNAPSHOT', at: reader.integer() ?? 0, isLast: reader.bytes() === null, count: reader.arrayLength() };
    default:
      return headOf(unpackServerFrame(frame));
  }
}

function readDelta(reader: Reader): FrameHead {
  const from = reader.integer() ?? 0;
  reader.integer();
  const acked = reader.integer() ?? undefined;
  reader.bytes();
  const devices = reader.arrayLength();
  for (let i = 0; i < devices; i++) {
    reader.arrayLength();
    reader.integer();
    reader.bytes();
  }
  return { type: 'DELTA', from, to: from + reader.arrayLength(), acked };
}

interface Reader {
  /** Null for nil. */
  integer(): number | null;
  bytes(): Buffer | null;
  arrayLength(): number;
}

/** The few MessagePack types that stand before the events. */
function createReader(frame: Buffer): Reader {
  let at = 0;
  const uint = (length: number): number => {
    at += length;
    return length === 8 ? Number(frame.readBigUInt64BE(at - 8)) : frame.readUIntBE(at - length, length);
  };
  const double = (): number => {
    at += 8;
    return frame.readDoubleBE(at - 8);
  };
  const fail = (code: number): never => {
    throw new RangeError(`0x${code.toString(16)} at ${at - 1} is not expected in the head of a frame`);
  };
  return {
    integer: () => {
      const code = uint(1);
      if (code <= 0x7f) return code;
      if (code === 0xc0) return null;
      if (code === 0xcb) return double();
      return code >= 0xcc && code <= 0xcf ? uint(2 ** (code - 0xcc)) : fail(code);
    },
    bytes: () => {
      const code = uint(1);
      if (code === 0xc0) return null;
      if (code < 0xc4 || code > 0xc6) return fail(code);
      const length = uint(2 ** (code - 0xc4));
      at += length;
      return frame.subarray(at - length, at);
    },
    arrayLength: () => {
      const code = uint(1);
      if (code >= 0x90 && code <= 0x9f) return code & 0x0f;
      return code === 0xdc ? uint(2) : code === 0xdd ? uint(4) : fail(code);
    },
  };
}
