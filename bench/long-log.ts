/**
 * A user whose log is long: one event in fifty is a new memory, the others change one that is there, as those of years do. Written
 * by bare devices, in frames of 1,000 ops.
 */
import { randomUUID } from 'node:crypto';
import type { DeviceId, Epoch, MemoryId } from '../src/core/ids.ts';
import type { PushedOp } from '../src/protocol/frames.ts';
import { maxOps } from './device.ts';
import type { FrameDevice } from './frame-device.ts';
import { createMemories } from './memory-generator.ts';
import { openPlace, type Place } from './place.ts';
import { createRandom } from './random.ts';
import type { OurServer, OurUser } from './server-under-test.ts';

export interface LongLog {
  /** Events in the log. */
  readonly head: number;
  /** More of the same, until the log has so many. */
  growTo(events: number): Promise<void>;
  /** Ms of one more op, until it is acknowledged. */
  append(kind: 'create' | 'edit'): Promise<number>;
  /** Ms that the last `events` of the log take to come to a device that has the ones before, from its HELLO on. */
  pullLast(events: number): Promise<number>;
  /** The same log at another process of the server, on the same place. */
  goOnAt(server: OurServer): Promise<void>;
  close(): void;
}

const eventsPerMemory = 50;
/** Frames on their way: the server is never idle, and what it has to keep is bounded. */
const outstanding = 8;

interface Writing {
  readonly user: OurUser;
  readonly device: FrameDevice;
  readonly epoch: Epoch;
  /** Ops of this device. */
  written: number;
}

export async function createLongLog(server: OurServer, seed: number): Promise<LongLog> {
  const name = randomUUID();
  const ops = createOps(seed);
  const reader = randomUUID() as string as DeviceId;
  let head = 0;
  let writing = await beginWriting(await server.register(name));
  const send = (count: number, frame: readonly PushedOp[]): void => {
    writing.device.send(writing.device.prepare(frame));
    writing.written += count;
    head += count;
  };
  return {
    get head() {
      return head;
    },
    growTo: async (events) => {
      while (head < events) {
        const size = Math.min(maxOps, events - head);
        send(size, ops.many(size));
        await writing.device.untilAcked(writing.written - outstanding * maxOps);
      }
      await writing.device.untilAcked(writing.written);
    },
    append: async (kind) => {
      const op = ops.next(kind);
      const start = performance.now();
      send(1, [op]);
      await writing.device.untilAcked(writing.written);
      return performance.now() - start;
    },
    pullLast: async (events) => {
      const at = { epoch: writing.epoch, cursor: head - events };
      const device = await writing.user.openDevice({ decode: false, at }, reader);
      const start = performance.now();
      await device.hello();
      await device.untilSeq(head);
      const ms = performance.now() - start;
      device.close();
      return ms;
    },
    goOnAt: async (other) => {
      writing.device.close();
      writing = await beginWriting(await other.signIn(name), { epoch: writing.epoch, cursor: head });
    },
    close: () => writing.device.close(),
  };
}

async function beginWriting(user: OurUser, at?: { readonly epoch: Epoch; readonly cursor: number }): Promise<Writing> {
  const device = await user.openDevice({ decode: false, ...(at !== undefined && { at }) });
  await device.hello();
  if (device.epoch === null) throw new Error('the server told no epoch');
  return { user, device, epoch: device.epoch, written: 0 };
}

/**
 * Words and vectors follow the log behind the writes, and after a million events in two minutes they would for long. Here they are told
 * that they have: what is measured next is not theirs, and must not wait for the processor because of them. No server may be running.
 */
export async function skipRecall(place: Place): Promise<void> {
  const db = await openPlace(place);
  try {
    await db.script(`update recall_heads r set text_seq = h.seq from user_heads h where h.user_id = r.user_id;
      update vector_heads v set seq = h.seq, pass_head = null, pass_after = null, complete = true, leased_until = null
        from user_heads h where h.user_id = v.user_id`);
  } finally {
    await db.close();
  }
}

interface Ops {
  next(kind: 'create' | 'edit'): PushedOp;
  many(count: number): PushedOp[];
}

function createOps(seed: number): Ops {
  const random = createRandom(seed);
  const ids: MemoryId[] = [];
  let written = 0;
  let drawn: PushedOp[] = [];
  let drawings = 0;
  let ms = Date.UTC(2024, 0, 1);
  const draw = (): PushedOp => {
    if (drawn.length === 0) drawn = createMemories(1_000, seed * 1_000_003 + drawings++);
    const op = drawn.pop();
    if (op === undefined) throw new RangeError('no memory was made up');
    return op;
  };
  const next = (kind: 'create' | 'edit'): PushedOp => {
    const { memoryId, change } = draw();
    ms += 1_000;
    const hlc = { ms, count: 0 };
    written++;
    const known = ids[random.below(ids.length)];
    if (kind === 'create' || known === undefined) {
      ids.push(memoryId);
      return { memoryId, hlc, change };
    }
    return { memoryId: known, hlc, change: { writes: change.writes.filter(({ register }) => register === 'content') } };
  };
  return {
    next,
    many: (count) => Array.from({ length: count }, () => next(written % eventsPerMemory === 0 ? 'create' : 'edit')),
  };
}
