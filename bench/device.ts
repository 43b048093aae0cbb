/** A device as the benchmarks drive it, whichever server it talks to. */
import type { MemoryId } from '../src/core/ids.ts';
import type { PushedOp } from '../src/protocol/frames.ts';
import { Progress } from './progress.ts';

export interface DeviceOptions {
  /** Takes every event apart, as an application does. Default true; false: only counts what the frames hold. */
  readonly decode?: boolean;
  /** Asks for deflated frames. */
  readonly deflate?: boolean;
  /** Text frames instead of binary ones. */
  readonly json?: boolean;
  /** Told of the memory of every event that is taken apart. */
  readonly onMemory?: (id: MemoryId) => void;
}

export interface Device {
  /** Events, memories or ops that came. */
  readonly received: number;
  /** Bytes of the messages that came after the answer to the handshake. */
  readonly bytes: number;
  /** Says hello from cursor 0; resolves when the server has answered. */
  hello(): Promise<void>;
  /** The next ops of this device as one frame to send; at most `maxOps` of them. */
  prepare(ops: readonly PushedOp[]): Uint8Array;
  send(frame: Uint8Array): void;
  untilAcked(counter: number): Promise<void>;
  /** Resolves when everything up to this seq has come. */
  untilSeq(seq: number): Promise<void>;
  close(): void;
}

/** Ops in one frame of a bulk push. */
export const maxOps = 1_000;

/** Frames that a bulk push has outstanding. */
const maxFramesOutstanding = 16;

/** Makes the frames ahead of time, so that the benchmark measures the server and not the making. */
export function prepareAll(device: Device, ops: readonly PushedOp[]): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let from = 0; from < ops.length; from += maxOps) frames.push(device.prepare(ops.slice(from, from + maxOps)));
  return frames;
}

/** Brings in the ops of a device that has pushed nothing yet. */
export async function fill(device: Device, ops: readonly PushedOp[]): Promise<void> {
  const frames = prepareAll(device, ops);
  for (const [index, frame] of frames.entries()) {
    if (index >= maxFramesOutstanding) await device.untilAcked((index - maxFramesOutstanding + 1) * maxOps);
    device.send(frame);
  }
  await device.untilAcked(ops.length);
}

export interface DeviceProgress {
  /** 1: the server has answered the handshake. */
  readonly answered: Progress;
  readonly acked: Progress;
  readonly seq: Progress;
  fail(error: Error): void;
}

export function createDeviceProgress(): DeviceProgress {
  const answered = new Progress('answer');
  const acked = new Progress('acks');
  const seq = new Progress('events');
  const fail = (error: Error): void => {
    for (const progress of [answered, acked, seq]) progress.fail(error);
  };
  return { answered, acked, seq, fail };
}
