/**
 * A device's side of one connection: frames in, frames out, around a Replica. It has no socket and no timer; whoever owns it
 * carries the frames, connects again when a connection ends, and makes a new session for each.
 */
import { type ErrorCode, errorTable } from '../core/errors.ts';
import type { DeviceId } from '../core/ids.ts';
import {
  type ClientFrame,
  type ErrorFrame,
  helloFlags,
  type PushedOp,
  type Reset,
  type ServerFrame,
  type Welcome,
} from '../protocol/frames.ts';
import { protocolVersion } from '../protocol/version.ts';
import type { Applied, OutboxOp, Replica } from './replica.ts';

export interface DeviceSessionOptions {
  /** Left out when the token went with the upgrade request. */
  readonly token?: string;
  readonly deflate?: boolean;
  /** Makes the id that a forked device goes on with (SYN-2). */
  readonly newDeviceId: () => DeviceId;
}

export interface Reaction {
  readonly send: readonly ClientFrame[];
  readonly applied?: Applied;
  readonly error?: ErrorFrame;
  readonly reset?: Reset;
}

/** PUSH frames on their way at once: enough to keep the server's lane full. */
const maxOutstanding = 8;
/** Bytes of a PUSH that are aimed at, as estimated from the text in it. */
const pushBytes = 256 * 1_024;

export class DeviceSession {
  readonly #replica: Replica;
  readonly #options: DeviceSessionOptions;
  #welcome: Welcome | null = null;
  #head = 0;
  /** The last counter that was pushed on this connection, or that the server had before it. */
  #pushed = 0;
  #acked = 0;
  /** Last counters of the PUSH frames that are not acknowledged. */
  #outstanding: number[] = [];

  constructor(replica: Replica, options: DeviceSessionOptions) {
    this.#replica = replica;
    this.#options = options;
  }

  /** Whether the replica holds everything the server is known to have, and the server everything of the replica. */
  get isCaughtUp(): boolean {
    return this.#welcome !== null && this.#replica.cursor >= this.#head && this.#replica.outbox.length === 0;
  }

  /** The server's clock minus the device's at WELCOME, ms (MRG-6). */
  clockOffsetMs(nowMs: number): number | null {
    return this.#welcome === null ? null : this.#welcome.now - nowMs;
  }

  hello(nowMs: number): ClientFrame {
    const { device, epoch, cursor, lastCounter } = this.#replica;
    const { token, deflate } = this.#options;
    const flags = deflate === true ? helloFlags.deflate : 0;
    const hello = { type: 'HELLO', protocol: protocolVersion, flags, device, epoch, cursor, lastCounter, now: nowMs } as const;
    return token === undefined ? hello : { ...hello, token };
  }

  receive(frame: ServerFrame, nowMs: number): Reaction {
    switch (frame.type) {
      case 'WELCOME':
        return this.#onWelcome(frame);
      case 'DELTA': {
        const applied = this.#replica.apply(frame, nowMs);
        this.#head = Math.max(this.#head, frame.head);
        this.#onAcked(frame.acked ?? 0);
        return { applied, send: [{ type: 'GOT', to: this.#replica.cursor }, ...this.flush()] };
      }
      case 'SNAPSHOT':
        this.#replica.applySnapshot(frame);
        return { send: frame.next === null ? [{ type: 'GOT', to: this.#replica.cursor }] : [] };
      case 'RESET':
        return this.#onReset(frame, nowMs);
      case 'ERROR':
        return this.#onError(frame);
      case 'PING':
        return { send: [{ type: 'PONG' }] };
      case 'PONG':
        return { send: [] };
    }
  }

  /**
   * The PUSH frames that are due: after WELCOME, after an acknowledgement, after local writes, and some time after an ERROR
   * that says the server could not take them now: its `error` has an entry with `retry` in core/errors.
   */
  flush(): ClientFrame[] {
    if (this.#welcome === null) return [];
    const frames: ClientFrame[] = [];
    let waiting = this.#replica.outbox.filter((op) => op.counter > this.#pushed);
    while (waiting.length > 0 && this.#outstanding.length < maxOutstanding) {
      const ops = takeFrame(waiting, this.#welcome.limits.maxOps);
      const [first] = ops;
      if (first === undefined) break;
      frames.push({
        type: 'PUSH',
        firstCounter: first.counter,
        base: first.base,
        ops: ops.map((op) => toPushedOp(op, first.base)),
      });
      this.#pushed = first.counter + ops.length - 1;
      this.#outstanding.push(this.#pushed);
      waiting = waiting.slice(ops.length);
    }
    return frames;
  }

  #onWelcome(welcome: Welcome): Reaction {
    this.#replica.join(welcome.epoch);
    // A server that was restored to an earlier state has forgotten counters: the waiting ops follow on what it knows.
    const first = this.#replica.outbox[0]?.counter ?? this.#replica.lastCounter + 1;
    if (first > welcome.lastCounter + 1) this.#replica.renumber(welcome.lastCounter);
    this.#welcome = welcome;
    this.#head = welcome.head;
    this.#pushed = welcome.lastCounter;
    this.#acked = welcome.lastCounter;
    return { send: this.flush() };
  }

  #onAcked(acked: number): void {
    this.#acked = Math.max(this.#acked, acked);
    this.#outstanding = this.#outstanding.filter((last) => last > this.#acked);
  }

  /** The outbox survives every reset; the device says HELLO again on the same socket. */
  #onReset(reset: Reset, nowMs: number): Reaction {
    if (reset.code === 'device_forked') this.#replica.fork(this.#options.newDeviceId());
    else this.#replica.restart();
    this.#welcome = null;
    this.#outstanding = [];
    return { reset, send: [this.hello(nowMs)] };
  }

  #onError(error: ErrorFrame): Reaction {
    if (error.code === 'counter_gap' && error.expected !== undefined) {
      this.#pushAgainAfter(error.expected - 1);
      return { error, send: this.flush() };
    }
    // At once it would fail again: the owner waits and flushes.
    if (isRetryable(error.code)) this.#pushAgainAfter(this.#acked);
    return { error, send: [] };
  }

  #pushAgainAfter(counter: number): void {
    this.#pushed = counter;
    this.#outstanding = [];
  }
}

function isRetryable(code: string): boolean {
  return Object.hasOwn(errorTable, code) && errorTable[code as ErrorCode].retry;
}

function takeFrame(ops: readonly OutboxOp[], maxOps: number): readonly OutboxOp[] {
  let bytes = 0;
  let count = 0;
  while (count < Math.min(ops.length, maxOps) && (count === 0 || bytes < pushBytes)) bytes += estimateBytes(ops[count++]);
  return ops.slice(0, count);
}

const estimateBytes = (op: OutboxOp | undefined): number =>
  (op?.change.writes ?? []).reduce((sum, { value }) => sum + (typeof value === 'string' ? 2 * value.length : 8), 64);

function toPushedOp({ memoryId, hlc, base, change }: OutboxOp, frameBase: number): PushedOp {
  return base === frameBase ? { memoryId, hlc, change } : { memoryId, hlc, base, change };
}
