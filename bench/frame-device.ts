/** A minimal device of the server under test. It keeps nothing, but it checks that no event is missing. */
import { inflateRawSync } from 'node:zlib';
import type { DeviceId, Epoch } from '../src/core/ids.ts';
import { deflatedBytes, packClientFrame, unpackServerFrame } from '../src/protocol/binary-codec.ts';
import { type ClientFrame, helloFlags, type ServerFrame } from '../src/protocol/frames.ts';
import { clientFrameToJson, parseServerFrame } from '../src/protocol/json-codec.ts';
import { wireLimits } from '../src/protocol/limits.ts';
import { protocolVersion } from '../src/protocol/version.ts';
import { createDeviceProgress, type Device, type DeviceOptions } from './device.ts';
import { type FrameHead, headOf, readFrameHead } from './frame-head.ts';
import { openSocket } from './socket.ts';

export interface DeviceAccess {
  readonly url: string;
  readonly token: string;
  readonly device: DeviceId;
}

export interface FrameDeviceOptions extends DeviceOptions {
  /** Has everything up to there. Default: it is new. */
  readonly at?: { readonly epoch: Epoch; readonly cursor: number };
}

export interface FrameDevice extends Device {
  /** As the server told it in the handshake; null before. */
  readonly epoch: Epoch | null;
}

export async function openFrameDevice(access: DeviceAccess, options: FrameDeviceOptions): Promise<FrameDevice> {
  const progress = createDeviceProgress();
  let received = 0;
  let bytes = 0;
  let cursor = options.at?.cursor ?? 0;
  let epoch: Epoch | null = null;
  let unconfirmed = 0;
  let counter = 0;
  const send = (frame: ClientFrame): void => {
    socket.send(options.json === true ? JSON.stringify(clientFrameToJson(frame)) : packClientFrame(frame));
  };

  const moveTo = (seq: number): void => {
    cursor = seq;
    progress.seq.advance(seq);
  };

  const onHead = (head: FrameHead): void => {
    switch (head.type) {
      case 'DELTA': {
        const { from, to, acked } = head;
        if (from !== cursor) throw new Error(`the cursor is ${cursor}, and the events after ${from} came`);
        received += to - from;
        moveTo(to);
        if (acked !== undefined) progress.acked.advance(acked);
        if (++unconfirmed < wireLimits.maxInFlight / 4) return;
        unconfirmed = 0;
        send({ type: 'GOT', to });
        return;
      }
      case 'SNAPSHOT':
        received += head.count;
        if (head.isLast) moveTo(head.at);
        return;
      case 'OTHER':
        onOther(head.frame);
    }
  };

  const onOther = (frame: Extract<FrameHead, { type: 'OTHER' }>['frame']): void => {
    if (frame.type === 'WELCOME') {
      bytes = 0;
      epoch = frame.epoch;
      progress.answered.advance(1);
    } else if (frame.type === 'PING') send({ type: 'PONG' });
    else if (frame.type !== 'PONG') throw new Error(`the server sent ${JSON.stringify(frame)}`);
  };

  const onMessage = (data: Buffer, isBinary: boolean): void => {
    bytes += data.length;
    onHead(isBinary ? readBinary(data, options) : headOf(parseServerFrame(data.toString())));
  };

  const socket = await openSocket(`${access.url.replace('http', 'ws')}/api/v1/sync`, { onMessage, onFailure: progress.fail });

  return {
    get epoch() {
      return epoch;
    },
    get received() {
      return received;
    },
    get bytes() {
      return bytes;
    },
    hello: () => {
      send(toHello(access, options));
      return progress.answered.until(1);
    },
    prepare: (ops) => {
      const frame = packClientFrame({ type: 'PUSH', firstCounter: counter + 1, base: cursor, ops });
      counter += ops.length;
      return frame;
    },
    send: (frame) => socket.send(frame),
    untilAcked: (last) => progress.acked.until(last),
    untilSeq: (seq) => progress.seq.until(seq),
    close: () => socket.close(),
  };
}

function toHello({ device, token }: DeviceAccess, { deflate = false, at }: FrameDeviceOptions): ClientFrame {
  const flags = deflate ? helloFlags.deflate : 0;
  return {
    type: 'HELLO',
    protocol: protocolVersion,
    flags,
    device,
    epoch: at?.epoch ?? null,
    cursor: at?.cursor ?? 0,
    lastCounter: 0,
    token,
    now: Date.now(),
  };
}

function readBinary(data: Buffer, { decode = true, onMemory }: DeviceOptions): FrameHead {
  const deflated = deflatedBytes(data);
  const bytes = deflated === null ? data : inflateRawSync(deflated);
  if (!decode) return readFrameHead(bytes);
  const frame: ServerFrame = unpackServerFrame(bytes);
  if (onMemory !== undefined && frame.type === 'DELTA') for (const { memoryId } of frame.events) onMemory(memoryId);
  return headOf(frame);
}
