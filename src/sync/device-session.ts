/**
 * A device's side of one connection, as pure bookkeeping: a frame in, a step for the replica out; the step's result in, frames
 * to send out. It has no socket, no timer and no store: whoever owns it carries out the steps in order, waits for the store
 * where there is one, connects again when a connection ends, and makes a new session for each.
 */

import type { DeviceId, Epoch } from '../core/ids.ts';
import { isRetryable } from '../core/retryable.ts';
import {
  type ClientFrame,
  type Delta,
  type ErrorFrame,
  type Hello,
  helloFlags,
  type PushedOp,
  type Reset,
  type ServerFrame,
  type Snapshot,
  type SnapshotPlace,
  type Welcome,
} from '../protocol/frames.ts';
import { protocolVersion } from '../protocol/version.ts';
import { indexAfter } from './plan-outbox.ts';
import type { Replica } from './replica.ts';
import type { OutboxOp, ReplicaMeta, Resync } from './replica-change.ts';
import type { ReplicaStep, StepResult } from './replica-step.ts';

export interface DeviceSessionOptions {
  /** Left out when the token went with the upgrade request. */
  readonly token?: string;
  readonly deflate?: boolean;
  /** Makes the id that a forked device goes on with (SYN-2, SYN-13). */
  readonly newDeviceId: () => DeviceId;
}

/** What a session looks at: the replica as it is after the last step. */
export interface SessionReplica {
  readonly meta: ReplicaMeta;
  readonly outbox: readonly OutboxOp[];
}

/** Steps are carried out first and in order, each result is told by `done`; then the frames are sent. */
export interface Reaction {
  readonly steps: readonly ReplicaStep[];
  readonly send: readonly ClientFrame[];
  readonly error?: ErrorFrame;
  readonly reset?: Reset;
  /** Ops of an earlier id wait: ask the server which of them the log holds, and carry out `release` with those. */
  readonly lookUp?: true;
  /** This connection is of no more use: connect again. */
  readonly reconnect?: 'forked' | 'diverged' | 'forgotten';
}

/** PUSH frames on their way at once: enough to keep the server's lane full. */
const maxOutstanding = 8;
/** Bytes of a PUSH that are aimed at, as estimated from the text in it. */
const pushBytes = 256 * 1_024;

const nothing: Reaction = { steps: [], send: [] };

export class DeviceSession {
  readonly #replica: SessionReplica;
  readonly #options: DeviceSessionOptions;
  #welcome: Welcome | null = null;
  #head = 0;
  /** Up to here the log was seen on this connection, and nothing was wrong. */
  #seen = -1;
  /** As whom HELLO was said. */
  #speaker: DeviceId | null = null;
  /** As whom, and to what, the replica was joined. */
  #joined: { readonly device: DeviceId; readonly epoch: Epoch } | null = null;
  /** Where the snapshot of this connection stands. */
  #place: SnapshotPlace | null = null;
  /** The last counter that was pushed on this connection, or that the server had before it. */
  #pushed = 0;
  #acked = 0;
  /** Last counters of the PUSH frames that are not acknowledged. */
  #outstanding: number[] = [];
  /** The counter that the server missed last. */
  #gap: number | null = null;
  /** Ops whose ack came without their event were pushed once more, up to this counter. */
  #pushedAgain = 0;

  constructor(replica: SessionReplica, options: DeviceSessionOptions) {
    this.#replica = replica;
    this.#options = options;
  }

  /**
   * Another tab has changed for whom the replica speaks: its ops have other counters now, and do not go out on this connection.
   */
  get isOutdated(): boolean {
    const { device, epoch } = this.#replica.meta;
    return this.#joined !== null && (device !== this.#joined.device || epoch !== this.#joined.epoch);
  }

  /** WELCOME came, and the replica joined the epoch that it told. */
  get isWelcomed(): boolean {
    return this.#welcome !== null;
  }

  /** The newest seq that the server is known to have. */
  get head(): number {
    return this.#head;
  }

  get welcome(): Welcome | null {
    return this.#welcome;
  }

  /** Whether the replica holds everything the server is known to have, and the server everything of the replica. */
  get isCaughtUp(): boolean {
    const { meta, outbox } = this.#replica;
    return this.#welcome !== null && meta.resync === null && meta.cursor >= this.#head && outbox.length === 0;
  }

  hello(nowMs: number): Hello {
    const { device, epoch, cursor, lastCounter, resync, snapshot } = this.#replica.meta;
    const { token, deflate } = this.#options;
    const flags =
      (deflate === true ? helloFlags.deflate : 0) |
      (resync === null ? 0 : helloFlags.snapshot) |
      (resync?.reason === 'repair' ? helloFlags.repair : 0);
    this.#speaker = device;
    this.#place = snapshot?.after == null ? null : { at: snapshot.at, after: snapshot.after };
    const resume = this.#place === null ? {} : { resume: this.#place };
    const where = { device, epoch, cursor, lastCounter, now: nowMs };
    return { type: 'HELLO', protocol: protocolVersion, flags, ...where, ...resume, ...(token === undefined ? {} : { token }) };
  }

  receive(frame: ServerFrame): Reaction {
    switch (frame.type) {
      case 'WELCOME':
        return this.#onWelcome(frame);
      case 'DELTA':
        return { ...nothing, steps: [{ kind: 'delta', delta: frame }] };
      case 'SNAPSHOT':
        return this.#onPage(frame);
      case 'RESET':
        return this.#onReset(frame);
      case 'ERROR':
        return this.#onError(frame);
      case 'PING':
        return { ...nothing, send: [{ type: 'PONG' }] };
      case 'PONG':
        return nothing;
    }
  }

  /** What follows on a step of this session that was carried out. */
  done(step: ReplicaStep, result: StepResult, nowMs: number): Reaction {
    switch (step.kind) {
      case 'join':
        this.#joined = { device: this.#speaker ?? this.#replica.meta.device, epoch: step.epoch };
        if (result.forgotten) return { ...restartWith({ reason: 'lineage', shared: null }), reconnect: 'forgotten' };
        return this.#isReleaseDue() ? { ...nothing, lookUp: true } : { ...nothing, send: this.flush() };
      case 'delta':
        return this.#onApplied(step.delta, result);
      case 'snapshot':
        if (step.page.next !== null) return nothing;
        this.#seen = Math.max(this.#seen, step.page.at);
        return this.#goOn();
      case 'release':
        return { ...nothing, send: this.flush() };
      case 'restart':
      case 'fork':
        // After a RESET HELLO is said again on the same socket; where the device itself gives up, on another one.
        return this.#welcome === null ? { ...nothing, send: [this.hello(nowMs)] } : nothing;
      default:
        return nothing;
    }
  }

  /**
   * The PUSH frames that are due: after WELCOME, after an acknowledgement, after local writes, and some time after an ERROR
   * that says the server could not take them now: its `error` has an entry with `retry` in core/errors.
   */
  flush(): ClientFrame[] {
    const { outbox } = this.#replica;
    if (this.#welcome === null || this.isOutdated || this.#mustSeeMore(this.#welcome)) return [];
    if (this.#replica.meta.cursor >= this.#head) this.#pushUnseenAgain();
    const frames: ClientFrame[] = [];
    let next = indexAfter(outbox, this.#pushed);
    while (next < outbox.length && this.#outstanding.length < maxOutstanding) {
      const ops = takeFrame(outbox, next, this.#welcome.limits.maxOps);
      const [first] = ops;
      if (first === undefined) break;
      const pushed = ops.map((op) => toPushedOp(op, first.base));
      frames.push({ type: 'PUSH', firstCounter: first.counter, base: first.base, ops: pushed });
      this.#pushed = first.counter + ops.length - 1;
      this.#outstanding.push(this.#pushed);
      next += ops.length;
    }
    return frames;
  }

  /**
   * What comes up to the head of WELCOME may change the ops that wait, or the id that they go out under: a copy of this device may
   * have written their counters (SYN-13), or the rows may be those of another log (SYN-6). What is under way when that shows would
   * be in the log twice.
   */
  #mustSeeMore({ head }: Welcome): boolean {
    const { meta, outbox } = this.#replica;
    // While old rows are being swept, ops may still be put before those that wait.
    if (meta.resync !== null || outbox.some(({ origin }) => origin !== undefined)) return true;
    return head > 0 && this.#seen < head;
  }

  #onPage(page: Snapshot): Reaction {
    const step = { kind: 'snapshot', page, serverCounter: this.#welcome?.lastCounter ?? 0, place: this.#place } as const;
    this.#place = page.next === null ? null : { at: page.at, after: page.next };
    return { ...nothing, steps: [step] };
  }

  #onWelcome(welcome: Welcome): Reaction {
    this.#welcome = welcome;
    this.#seen = -1;
    this.#head = welcome.head;
    this.#pushed = welcome.lastCounter;
    this.#acked = welcome.lastCounter;
    return { ...nothing, steps: [{ kind: 'join', epoch: welcome.epoch, serverCounter: welcome.lastCounter }] };
  }

  #onApplied(delta: Delta, result: StepResult): Reaction {
    this.#head = Math.max(this.#head, delta.head);
    if ((delta.acked ?? 0) > this.#acked) this.#gap = null;
    this.#acked = Math.max(this.#acked, delta.acked ?? 0);
    this.#outstanding = this.#outstanding.filter((last) => last > this.#acked);
    if (result.forked) return { steps: [{ kind: 'fork', device: this.#options.newDeviceId() }], send: [], reconnect: 'forked' };
    if (result.diverged) return { ...restartWith({ reason: 'repair', shared: null }), reconnect: 'diverged' };
    this.#seen = Math.max(this.#seen, delta.to);
    return this.#goOn();
  }

  /** The replica has come further. */
  #goOn(): Reaction {
    if (this.#isReleaseDue()) return { steps: [], send: [this.#got()], lookUp: true };
    return { ...nothing, send: [this.#got(), ...this.flush()] };
  }

  /** The log was seen up to the head: what still waits of an earlier id is not in it, or came as part of a snapshot. */
  #isReleaseDue(): boolean {
    const { meta, outbox } = this.#replica;
    return meta.resync === null && meta.cursor >= this.#head && outbox.some(({ origin }) => origin !== undefined);
  }

  /**
   * SYN-13: an op that is acknowledged, but whose event was not seen: it came before a snapshot. Pushed again, it is answered
   * with the log from before it.
   */
  #pushUnseenAgain(): void {
    const first = this.#replica.outbox[0]?.counter;
    if (first === undefined || first > this.#acked || first <= this.#pushedAgain) return;
    this.#pushedAgain = this.#acked;
    this.#pushAgainAfter(first - 1);
  }

  #onReset(reset: Reset): Reaction {
    this.#welcome = null;
    this.#joined = null;
    this.#outstanding = [];
    this.#pushedAgain = 0;
    const step: ReplicaStep =
      reset.code === 'device_forked'
        ? { kind: 'fork', device: this.#options.newDeviceId() }
        : { kind: 'restart', resync: resyncAfter(reset) };
    return { steps: [step], send: [], reset };
  }

  #onError(error: ErrorFrame): Reaction {
    if (error.code === 'counter_gap' && error.expected !== undefined) {
      // Each frame behind the gap is answered so; and where pushing again does not close it, once more would not either.
      if (error.expected === this.#gap) return { ...nothing, error };
      this.#gap = error.expected;
      this.#pushAgainAfter(error.expected - 1);
      return { ...nothing, error, send: this.flush() };
    }
    // At once it would fail again: the owner waits and flushes.
    if (isRetryable(error.code)) {
      this.#pushAgainAfter(this.#acked);
      this.#pushedAgain = 0;
    }
    return { ...nothing, error };
  }

  #pushAgainAfter(counter: number): void {
    this.#pushed = counter;
    this.#outstanding = [];
  }

  #got(): ClientFrame {
    return { type: 'GOT', to: this.#replica.meta.cursor };
  }
}

/** Carries out everything a frame leads to on a replica without a store, and without anybody to look something up for it. */
export function receiveFrame(session: DeviceSession, replica: Replica, frame: ServerFrame, nowMs: number): Received {
  const received: Mutable<Received> = { send: [], results: [] };
  const pending = [session.receive(frame)];
  for (let reaction = pending.shift(); reaction !== undefined; reaction = pending.shift()) {
    const { send, error, reset, reconnect, lookUp } = reaction;
    const steps: readonly ReplicaStep[] = lookUp === true ? [...reaction.steps, { kind: 'release', known: [] }] : reaction.steps;
    received.send.push(...send);
    if (error !== undefined) received.error = error;
    if (reset !== undefined) received.reset = reset;
    if (reconnect !== undefined) received.reconnect = reconnect;
    for (const step of steps) {
      const result = replica.perform(step, nowMs);
      received.results.push(result);
      pending.push(session.done(step, result, nowMs));
    }
  }
  return received;
}

export interface Received extends Omit<Reaction, 'steps' | 'send'> {
  readonly send: ClientFrame[];
  readonly results: StepResult[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const restartWith = (resync: Resync): Reaction => ({ steps: [{ kind: 'restart', resync }], send: [] });

function resyncAfter({ code, shared }: Reset): Resync {
  if (code === 'cursor_expired') return { reason: 'expired', shared: null };
  return { reason: 'lineage', shared: shared ?? null };
}

/** Ops whose counters follow on each other: an op behind one that waits may have been settled before it. */
function takeFrame(outbox: readonly OutboxOp[], from: number, maxOps: number): readonly OutboxOp[] {
  const first = outbox[from]?.counter ?? 0;
  let bytes = 0;
  let end = from;
  while (end - from < maxOps && (end === from || bytes < pushBytes) && outbox[end]?.counter === first + end - from)
    bytes += estimateBytes(outbox[end++]);
  return outbox.slice(from, end);
}

const estimateBytes = (op: OutboxOp | undefined): number =>
  (op?.change.writes ?? []).reduce((sum, { value }) => sum + (typeof value === 'string' ? 2 * value.length : 8), 64);

function toPushedOp({ memoryId, hlc, base, change }: OutboxOp, frameBase: number): PushedOp {
  return base === frameBase ? { memoryId, hlc, change } : { memoryId, hlc, base, change };
}
