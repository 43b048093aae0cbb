/** What one session sends, against a model of the log, with every interleaving that a seed may bring. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeviceId, Epoch } from '../../src/core/ids.ts';
import type { Memory } from '../../src/core/memory.ts';
import type { Hello } from '../../src/protocol/frames.ts';
import { protocolVersion } from '../../src/protocol/version.ts';
import { openSession, type SessionLimits, type SessionState, step } from '../../src/sync/server-session.ts';
import type { Effect, Input, Piece } from '../../src/sync/session-io.ts';

const limits: SessionLimits = {
  maxFrameBytes: 1_000,
  maxOps: 10,
  maxInFlight: 3,
  maxBufferedBytes: 60,
  snapshotMemories: 2,
  helloTimeoutMs: 1_000,
  pingAfterMs: 25_000,
  silenceMs: 60_000,
  maxErrors: 3,
};
/** Events in a loaded page. */
const pageEvents = 4;
const eventBytes = 10;

/** The session, its log, its device, and the promises that hold at every step. */
class Delivery {
  #state: SessionState = openSession(0);
  /** For each event the device's own counter, 0 for another's. */
  readonly #log: number[];
  readonly #todo: (
    | Extract<Effect<Piece>, { kind: 'load' | 'loadSnapshot' }>
    | { readonly kind: 'answer'; readonly input: Input<Piece> }
  )[] = [];
  #own = 0;
  #cursor: number;
  #acked = 0;
  /** The `to` of DELTA frames that the device has not confirmed. */
  #unconfirmed: number[] = [];
  #isCongested = false;
  /** A page that was asked for before the socket was congested may still come. */
  #loadsBefore = 0;
  #isInSnapshot = false;
  #snapshotPages = 3;
  /** Seqs of ops that were pushed again: their events have to come after that. */
  readonly #replayed = new Set<number>();

  constructor(log: readonly number[], cursor: number, live: number) {
    this.#log = [...log];
    this.#own = Math.max(0, ...log);
    this.#cursor = cursor;
    const epoch = 'e' as Epoch;
    const hello: Hello = {
      type: 'HELLO',
      protocol: protocolVersion,
      flags: 0,
      device: 'd' as DeviceId,
      epoch,
      cursor,
      lastCounter: this.#own,
      now: 0,
    };
    this.#input({ kind: 'frame', frame: hello, now: 0 });
    const opened = { epoch, head: log.length, floor: 0, lastCounter: this.#own, live, shared: 0, tokenExpiresAt: 1e9 };
    this.#input({ kind: 'opened', opened, now: 0 });
  }

  get loads(): number {
    return this.#todo.filter((todo) => todo.kind !== 'answer').length;
  }

  commit(count: number, isOwn: boolean, isHere: boolean): void {
    const from = this.#log.length;
    for (let i = 0; i < count; i++) this.#log.push(isOwn ? ++this.#own : 0);
    if (isHere) this.#input({ kind: 'committed', piece: this.#piece(from, count) });
    if (isOwn) this.#answerLater({ acked: this.#own, fresh: count, replayedFrom: null });
  }

  /** The device pushes again what the log holds. */
  replay(back: number): void {
    const own = this.#log.flatMap((counter, index) => (counter > 0 ? [index + 1] : []));
    if (own.length > 0) this.#answerLater({ acked: this.#own, fresh: 0, replayedFrom: own.at(-1 - (back % own.length)) ?? 1 });
  }

  emptyPush(): void {
    this.#answerLater({ acked: this.#own, fresh: 0, replayedFrom: null });
  }

  hint(): void {
    this.#input({ kind: 'hint', head: this.#log.length });
  }

  got(): void {
    this.#unconfirmed = this.#unconfirmed.filter((to) => to > this.#cursor);
    this.#input({ kind: 'frame', frame: { type: 'GOT', to: this.#cursor }, now: 0 });
  }

  congest(): void {
    if (!this.#isCongested) this.#loadsBefore = this.loads;
    this.#isCongested = true;
    this.#input({ kind: 'congested' });
  }

  drain(): void {
    this.#isCongested = false;
    this.#input({ kind: 'drained' });
  }

  tick(): void {
    this.#input({ kind: 'tick', now: 1 });
  }

  work(choice: number, fails: boolean): void {
    const [todo] = this.#todo.splice(choice % Math.max(1, this.#todo.length), 1);
    if (todo === undefined) return;
    if (todo.kind === 'answer') {
      if (todo.input.kind === 'pushed' && todo.input.answer.kind === 'pushed' && todo.input.answer.replayedFrom !== null)
        this.#replayed.add(todo.input.answer.replayedFrom);
      return this.#input(todo.input);
    }
    if (fails) {
      this.#loadsBefore = 0;
      return this.#input({ kind: 'loadFailed' });
    }
    if (todo.kind === 'load') return this.#input({ kind: 'loaded', piece: this.#piece(todo.from, pageEvents) });
    const count = this.#snapshotPages-- > 0 ? limits.snapshotMemories : 1;
    const memories = Array.from({ length: count }, () => ({ id: 'm' }) as Memory);
    this.#input({ kind: 'loadedSnapshot', memories, isLast: count < limits.snapshotMemories });
  }

  /** A calm network: everything that is owed arrives. */
  settle(): void {
    this.drain();
    // The poll re-reads the head; nothing else is needed.
    this.hint();
    for (let i = 0; i < 10_000 && (this.#todo.length > 0 || this.#unconfirmed.length > 0); i++) {
      this.got();
      this.work(0, false);
    }
    expect(this.#cursor).toBe(this.#log.length);
    expect(this.#acked).toBe(this.#own);
    expect(this.#todo).toEqual([]);
    expect([...this.#replayed]).toEqual([]);
  }

  #answerLater(answer: { readonly acked: number; readonly fresh: number; readonly replayedFrom: number | null }): void {
    this.#todo.push({ kind: 'answer', input: { kind: 'pushed', answer: { kind: 'pushed', head: this.#log.length, ...answer } } });
  }

  #piece(from: number, maxEvents: number): Piece {
    const events = this.#log.slice(from, from + maxEvents);
    const to = from + events.length;
    const piece = { from, to, head: this.#log.length, ownCounter: Math.max(0, ...events), bytes: eventBytes * events.length };
    return to === this.#log.length ? { ...piece, hash: `${to}` } : piece;
  }

  #input(input: Input<Piece>): void {
    const { state, effects } = step(this.#state, input, limits);
    this.#state = state;
    for (const effect of effects) {
      if (effect.kind === 'load' || effect.kind === 'loadSnapshot') {
        expect(this.loads).toBe(0);
        this.#todo.push(effect);
      } else if (effect.kind === 'sendDelta') this.#receive(effect);
      else if (effect.kind === 'send') this.#receiveOther(effect.frame);
    }
  }

  #receive({ header, piece }: Extract<Effect<Piece>, { kind: 'sendDelta' }>): void {
    this.#assertRoom();
    expect(this.#isInSnapshot).toBe(false);
    expect(header.from).toBe(piece.from);
    expect(piece.from).toBeLessThanOrEqual(this.#cursor);
    this.#cursor = Math.max(this.#cursor, piece.to);
    for (const seq of this.#replayed) if (seq > piece.from && seq <= piece.to) this.#replayed.delete(seq);
    expect(header.head).toBeGreaterThanOrEqual(piece.to);
    expect(header.head).toBeLessThanOrEqual(this.#log.length);
    if (header.hash !== undefined) expect([header.hash, header.head]).toEqual([`${piece.to}`, piece.to]);
    // What is acknowledged has arrived.
    const acked = header.acked ?? 0;
    const unseen = this.#log.slice(this.#cursor).find((counter) => counter > 0) ?? Number.POSITIVE_INFINITY;
    expect(acked).toBeLessThan(unseen);
    this.#acked = Math.max(this.#acked, acked);
    if (piece.to > piece.from) this.#unconfirmed.push(piece.to);
    expect(this.#unconfirmed.length).toBeLessThanOrEqual(limits.maxInFlight);
  }

  #receiveOther(frame: Extract<Effect<Piece>, { kind: 'send' }>['frame']): void {
    if (frame.type !== 'SNAPSHOT') return;
    this.#assertRoom();
    this.#isInSnapshot = frame.next !== null;
    if (frame.next === null) this.#cursor = Math.max(this.#cursor, frame.at);
  }

  #assertRoom(): void {
    if (!this.#isCongested) return;
    expect(this.#loadsBefore).toBe(1);
    this.#loadsBefore = 0;
  }
}

const actionArb: fc.Arbitrary<(delivery: Delivery) => void> = fc.oneof(
  {
    arbitrary: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.boolean(), fc.boolean()).map(
      ([count, isOwn, isHere]) =>
        (delivery: Delivery) =>
          delivery.commit(count, isOwn, isHere),
    ),
    weight: 6,
  },
  { arbitrary: fc.nat(9).map((back) => (delivery: Delivery) => delivery.replay(back)), weight: 2 },
  { arbitrary: fc.constant((delivery: Delivery) => delivery.emptyPush()), weight: 1 },
  { arbitrary: fc.constant((delivery: Delivery) => delivery.hint()), weight: 2 },
  { arbitrary: fc.constant((delivery: Delivery) => delivery.got()), weight: 5 },
  { arbitrary: fc.constant((delivery: Delivery) => delivery.congest()), weight: 1 },
  { arbitrary: fc.constant((delivery: Delivery) => delivery.drain()), weight: 2 },
  { arbitrary: fc.constant((delivery: Delivery) => delivery.tick()), weight: 1 },
  {
    arbitrary: fc.tuple(fc.nat(5), fc.nat(9)).map(
      ([choice, dice]) =>
        (delivery: Delivery) =>
          delivery.work(choice, dice === 0),
    ),
    weight: 9,
  },
);

const logArb = fc.array(fc.boolean(), { maxLength: 20 }).map((owns) => {
  let counter = 0;
  return owns.map((isOwn) => (isOwn ? ++counter : 0));
});

describe('what a session sends', () => {
  it('[SYN-4] [SYN-8] [SYN-13] has no gap, answers replays with their events, acknowledges only what has arrived, stays within its bounds, and is everything in the end', () => {
    fc.assert(
      fc.property(
        logArb,
        fc.nat(20),
        fc.constantFrom(0, 3, 1_000),
        fc.array(actionArb, { maxLength: 120, size: 'max' }),
        (log, cursor, live, actions) => {
          const delivery = new Delivery(log, Math.min(cursor, log.length), live);
          for (const act of actions) act(delivery);
          delivery.settle();
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
