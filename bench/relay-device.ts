/** A device of the raw log relay: it splits and counts what comes, there is nothing to understand in it. */
import { idFromBytes, idToBytes, type UserId } from '../src/core/ids.ts';
import type { PushedOp } from '../src/protocol/frames.ts';
import { packChange } from '../src/protocol/packed-change.ts';
import { createDeviceProgress, type Device, type DeviceOptions } from './device.ts';
import { joinOps, opsOf, rawHello, rawKinds, rawPush, splitOps } from './raw-log-frames.ts';
import { openSocket } from './socket.ts';

export async function openRelayDevice(url: string, user: UserId, { onMemory }: DeviceOptions = {}): Promise<Device> {
  const progress = createDeviceProgress();
  let received = 0;
  let bytes = 0;
  let counter = 0;

  const onMessage = (frame: Buffer): void => {
    if (frame[0] === rawKinds.ACK) {
      progress.acked.advance(frame.readUInt32BE(1));
      return;
    }
    const ops = splitOps(opsOf(frame));
    const count = ops.length;
    received += count;
    if (onMemory !== undefined) for (const op of ops) onMemory(idFromBytes(op.subarray(0, 16)));
    bytes += frame.length;
    progress.answered.advance(1);
    progress.seq.advance(frame.readUInt32BE(1) + count - 1);
  };

  const socket = await openSocket(url.replace('http', 'ws'), { onMessage, onFailure: progress.fail });
  return {
    get received() {
      return received;
    },
    get bytes() {
      return bytes;
    },
    hello: () => {
      socket.send(rawHello(idToBytes(user), 0));
      return progress.answered.until(1);
    },
    prepare: (ops) => {
      const frame = rawPush(counter + 1, joinOps(ops.map(opToRaw)));
      counter += ops.length;
      return frame;
    },
    send: (frame) => socket.send(frame),
    untilAcked: (last) => progress.acked.until(last),
    untilSeq: (seq) => progress.seq.until(seq),
    close: () => socket.close(),
  };
}

/** What the op says in as few bytes as ours: memory id, stamp, packed patch. */
function opToRaw(op: PushedOp): Buffer {
  const stamp = Buffer.alloc(8);
  stamp.writeUIntBE(op.hlc.ms, 0, 6);
  stamp.writeUInt16BE(op.hlc.count, 6);
  return Buffer.concat([idToBytes(op.memoryId), stamp, packChange(op.change)]);
}
