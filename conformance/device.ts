/**
 * A device as the protocol describes it: a replica, a counter, an outbox that it may push again. It does what it is told and
 * judges nothing: a check looks at what came.
 */
import { randomUUID } from 'node:crypto';
import type { Change } from '../src/core/change.ts';
import type { Hlc } from '../src/core/clock.ts';
import type { LogEvent } from '../src/core/event.ts';
import type { DeviceId, Epoch, MemoryId } from '../src/core/ids.ts';
import type { Write } from '../src/core/register.ts';
import type { Delta, Hello, PushedOp, Snapshot } from '../src/protocol/frames.ts';
import { expectSome, expectThat, show } from './expect.ts';
import type { FrameOf, Peer } from './peer.ts';
import { createReplicaModel, type ReplicaModel } from './second-opinion/replica.ts';

export interface NewOp {
  readonly memoryId: MemoryId;
  readonly writes: readonly Write[];
  readonly createdAt?: number;
  /** Default: the device's clock, which never stands still. */
  readonly hlc?: Hlc;
  /** Default: that of the frame. */
  readonly base?: number;
}

/** An op as it went out. */
export interface SentOp {
  readonly counter: number;
  readonly base: number;
  readonly hlc: Hlc;
  readonly memoryId: MemoryId;
  readonly change: Change;
}

export interface DeviceOptions {
  readonly id?: DeviceId;
  readonly token: string;
  readonly flags?: number;
  /** False: it never says GOT. */
  readonly confirms?: boolean;
  /** Opens a socket to the server under test. */
  readonly open: () => Promise<Peer>;
}

export class Device {
  readonly id: DeviceId;
  readonly replica: ReplicaModel = createReplicaModel();
  /** Every event that came, by its seq. */
  readonly events = new Map<number, LogEvent>();
  readonly deltas: Delta[] = [];
  readonly snapshots: Snapshot[] = [];
  /** Ops by counter. */
  readonly sent = new Map<number, SentOp>();
  epoch: Epoch | null = null;
  cursor = 0;
  /** Of the last op that was written here. */
  counter = 0;
  /** The highest counter that a WELCOME or an `acked` told. */
  acked = 0;
  head = 0;
  readonly #options: DeviceOptions;
  /** A snapshot has begun, and the DELTA behind it has not come. */
  #isBootstrapping = false;
  #peer: Peer | null = null;
  #lastMs = 0;

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.id = options.id ?? (randomUUID() as DeviceId);
  }

  get peer(): Peer {
    return expectSome('an open socket', this.#peer);
  }

  hello(more: Partial<Hello> = {}): Hello {
    return {
      type: 'HELLO',
      protocol: 1,
      flags: this.#options.flags ?? 0,
      device: this.id,
      epoch: this.epoch,
      cursor: this.cursor,
      lastCounter: this.acked,
      token: this.#options.token,
      now: Date.now(),
      ...more,
    };
  }

  /** A socket on which nothing was said. */
  async open(): Promise<Peer> {
    this.#peer = await this.#options.open();
    return this.#peer;
  }

  /** A socket, HELLO, and the WELCOME that has to follow. */
  async connect(more: Partial<Hello> = {}): Promise<FrameOf<'WELCOME'>> {
    const peer = await this.open();
    const hello = this.hello(more);
    peer.send(hello);
    const welcome = await this.welcome();
    // A device at the head is told the state hash by a DELTA without events. Of one that pushed before it is also the ack.
    if (hello.cursor > 0 && hello.cursor >= welcome.head && welcome.lastCounter === 0) this.take(await peer.expect('DELTA'));
    return welcome;
  }

  /** The WELCOME that has to come next. */
  async welcome(): Promise<FrameOf<'WELCOME'>> {
    const welcome = await this.peer.expect('WELCOME');
    this.epoch = welcome.epoch;
    this.head = welcome.head;
    this.acked = Math.max(this.acked, welcome.lastCounter);
    this.counter = Math.max(this.counter, welcome.lastCounter);
    this.#lastMs = Math.max(this.#lastMs, welcome.now);
    return welcome;
  }

  /** The op as it stands for the device's next counter. It is not sent. */
  stamp({ memoryId, writes, createdAt, hlc, base }: NewOp): SentOp {
    this.counter++;
    const change = createdAt === undefined ? { writes } : { writes, createdAt };
    const op = { counter: this.counter, base: base ?? this.cursor, hlc: hlc ?? this.now(), memoryId, change };
    this.sent.set(op.counter, op);
    return op;
  }

  /** The device's clock: later each time. */
  now(): Hlc {
    this.#lastMs++;
    return { ms: this.#lastMs, count: 0 };
  }

  /** Sends ops that were stamped, in one frame, as they are: for the first time or again. */
  sendOps(ops: readonly SentOp[], base: number = ops[0]?.base ?? this.cursor): void {
    this.peer.send({
      type: 'PUSH',
      firstCounter: ops[0]?.counter ?? this.counter + 1,
      base,
      ops: ops.map((op) => pushed(op, base)),
    });
  }

  /** Stamps the ops and sends them in one frame. */
  push(...ops: readonly NewOp[]): readonly SentOp[] {
    const stamped = ops.map((op) => this.stamp(op));
    this.sendOps(stamped, this.cursor);
    return stamped;
  }

  /** Pushes, and waits for the ack. The events that the ops became, in their order. */
  async write(...ops: readonly NewOp[]): Promise<readonly LogEvent[]> {
    const stamped = this.push(...ops);
    return await this.eventsOf(stamped);
  }

  async eventsOf(ops: readonly SentOp[]): Promise<readonly LogEvent[]> {
    const last = ops.at(-1)?.counter ?? 0;
    await this.until(() => this.acked >= last, `the ack of counter ${last}`);
    return ops.map(({ counter }) => expectSome(`the event of counter ${counter}`, this.ownEvent(counter)));
  }

  ownEvent(counter: number): LogEvent | undefined {
    for (const event of this.events.values()) if (event.device === this.id && event.counter === counter) return event;
    return undefined;
  }

  event(seq: number): LogEvent {
    return expectSome(`the event ${seq}`, this.events.get(seq));
  }

  /** Until the device holds everything up to the newest seq that it was told of. */
  async catchUp(): Promise<this> {
    await this.until(() => this.cursor >= this.head && !this.#isBootstrapping, 'the rest of the log');
    return this;
  }

  async reach(seq: number): Promise<this> {
    await this.until(() => this.cursor >= seq && !this.#isBootstrapping, `the log up to ${seq}`);
    return this;
  }

  /** Takes frames until it holds. Anything but a DELTA or a SNAPSHOT is a failure. */
  async until(holds: () => boolean, what: string): Promise<void> {
    while (!holds()) this.take(await this.peer.next(what), what);
  }

  /** Takes in a frame that came. */
  take(frame: Awaited<ReturnType<Peer['next']>>, what = 'a DELTA or a SNAPSHOT'): void {
    if (frame.type === 'DELTA') this.#takeDelta(frame);
    else if (frame.type === 'SNAPSHOT') this.#takeSnapshot(frame);
    else expectThat(frame.type === 'PONG', what, show(frame));
  }

  cut(): void {
    this.#peer?.cut();
    this.#peer = null;
  }

  #takeDelta(delta: Delta): void {
    this.deltas.push(delta);
    for (const event of delta.events) {
      this.events.set(event.seq, event);
      const own = event.device === this.id ? this.sent.get(event.counter)?.change : undefined;
      if (event.seq > this.cursor) this.replica.apply(event, own);
    }
    this.#isBootstrapping = false;
    this.head = Math.max(this.head, delta.head);
    this.acked = Math.max(this.acked, delta.acked ?? 0);
    if (delta.events.length > 0) this.#moveTo(delta.to);
  }

  #takeSnapshot(snapshot: Snapshot): void {
    this.snapshots.push(snapshot);
    this.#isBootstrapping = true;
    for (const memory of snapshot.memories) this.replica.put(memory);
    if (snapshot.next === null) this.#moveTo(snapshot.at);
  }

  #moveTo(cursor: number): void {
    this.cursor = Math.max(this.cursor, cursor);
    if (this.#options.confirms !== false) this.peer.send({ type: 'GOT', to: this.cursor });
  }
}

function pushed({ memoryId, hlc, change, base }: SentOp, frameBase: number): PushedOp {
  return base === frameBase ? { memoryId, hlc, change } : { memoryId, hlc, change, base };
}
