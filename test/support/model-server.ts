/**
 * A server in memory, without sockets or a database: the log by the same plan as the real one, the sessions by the same
 * state machine. Nothing happens by itself: every load and every answer waits until the test lets it happen.
 */
import { hash } from 'node:crypto';
import type { LogEvent } from '../../src/core/event.ts';
import { genesisHash } from '../../src/core/hash-chain.ts';
import { type DeviceId, type Epoch, idFromBytes, type MemoryId, serverDeviceId, type UserId } from '../../src/core/ids.ts';
import type { Memory } from '../../src/core/memory.ts';
import type { MemoryState } from '../../src/core/merge.ts';
import { emptyStateHash, stateHashToString } from '../../src/core/state-hash.ts';
import type { ClientFrame, Delta, Push, ServerFrame } from '../../src/protocol/frames.ts';
import { unpack } from '../../src/protocol/message-pack.ts';
import { eventFromPacked } from '../../src/protocol/wire-events.ts';
import type { AppendRequest, AppendResult, Replica } from '../../src/server/command/append-request.ts';
import { planUser } from '../../src/server/command/user-plan.ts';
import { sha256 } from '../../src/server/infra/bytes.ts';
import type { PlacedDot } from '../../src/server/log/clock-at.ts';
import type { Head } from '../../src/server/log/head.ts';
import { stateToMemory } from '../../src/server/project/memory-rows.ts';
import { openSession, type SessionLimits, type SessionState, step } from '../../src/sync/server-session.ts';
import type { Effect, Input, Piece, PushAnswer } from '../../src/sync/session-io.ts';

export interface ModelPiece extends Piece {
  readonly events: readonly LogEvent[];
}

export const smallLimits: SessionLimits = {
  maxFrameBytes: 1_000_000,
  maxOps: 3,
  maxInFlight: 2,
  maxBufferedBytes: 1_000,
  snapshotMemories: 2,
  helloTimeoutMs: 10_000,
  pingAfterMs: 25_000,
  silenceMs: 60_000,
  maxErrors: 3,
};

/** Events in a loaded page. */
const pageEvents = 3;
const modelEpoch = (lineage: number): Epoch => idFromBytes(new Uint8Array(16).fill(0xe0 + lineage));

export class ModelServer {
  #head: Head;
  #states = new Map<MemoryId, MemoryState>();
  #events: LogEvent[] = [];
  #dots: PlacedDot[] = [];
  readonly #ordinalById = new Map<DeviceId, number>([[serverDeviceId, 0]]);
  #lineage = 0;
  readonly #connections = new Set<ModelConnection>();
  /** Unix ms; the test moves it. */
  now = 1_000;
  /** Cursors below it are refused. */
  floor = 0;

  constructor() {
    this.#head = this.#emptyHead();
  }

  get head(): Head {
    return { ...this.#head, floor: this.floor };
  }

  get stateHash(): string {
    return stateHashToString(this.#head.stateHash);
  }

  get events(): readonly LogEvent[] {
    return this.#events;
  }

  get memories(): ReadonlyMap<MemoryId, Memory> {
    return new Map(Array.from(this.#states, ([id, state]) => [id, stateToMemory(state)]));
  }

  connect(deliver: (frame: ServerFrame) => void): ModelConnection {
    const connection = new ModelConnection(this, deliver, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    return connection;
  }

  /** The store begins anew: another lineage, nothing in it. */
  wipe(): void {
    this.#lineage++;
    this.#states = new Map();
    this.#events = [];
    this.#dots = [];
    this.#head = this.#emptyHead();
    for (const connection of this.#connections) connection.cut();
  }

  replica(id: DeviceId): Replica {
    const ordinal = this.#ordinalById.get(id) ?? this.#ordinalById.size;
    this.#ordinalById.set(id, ordinal);
    return { ordinal, id };
  }

  submit(request: AppendRequest): AppendResult {
    const head = { ...this.#head, deviceByOrdinal: this.#deviceByOrdinal() };
    const plan = planUser({
      head,
      states: this.#states,
      clockByBase: new Map(),
      dotsSince: () => this.#dots,
      requests: [request],
      at: this.now,
    });
    const events = plan.events.map((row) => eventFromPacked(unpack(row.wire), row.seq, this.#deviceByOrdinal()));
    for (const { device, counter, seq } of plan.events) this.#dots.push({ device, counter, seq });
    for (const [id, state] of plan.states) this.#states.set(id, state);
    this.#events.push(...events);
    this.#head = plan.after;
    if (events.length > 0)
      for (const connection of this.#connections)
        connection.committed(this.piece(plan.before.seq, connection.ordinal, events.length));
    const [result] = plan.results;
    if (result === undefined) throw new Error('no answer');
    return result;
  }

  /** What a load after `from` finds now. */
  piece(from: number, ordinal: number, maxEvents: number = pageEvents): ModelPiece {
    const events = this.#events.slice(from, from + maxEvents);
    const to = from + events.length;
    const own = events.filter((event) => this.#ordinalById.get(event.device) === ordinal).map((event) => event.counter);
    const piece = { from, to, events, head: this.#head.seq, ownCounter: Math.max(0, ...own), bytes: 100 * events.length };
    return to === this.#head.seq ? { ...piece, hash: this.stateHash } : piece;
  }

  page(after: MemoryId | null, limit: number): readonly Memory[] {
    const ids = [...this.#states.keys()].sort().reverse();
    const rest = ids.filter((id) => after === null || id < after).slice(0, limit);
    return rest.flatMap((id) => this.memories.get(id) ?? []);
  }

  seqOfDot(device: DeviceId, counter: number): number | null {
    return this.#events.find((event) => event.device === device && event.counter === counter)?.seq ?? null;
  }

  #deviceByOrdinal(): Map<number, DeviceId> {
    return new Map(Array.from(this.#ordinalById, ([id, ordinal]) => [ordinal, id]));
  }

  #emptyHead(): Head {
    const epoch = modelEpoch(this.#lineage);
    return {
      userId: idFromBytes<UserId>(new Uint8Array(16).fill(0xaa)),
      epoch,
      origin: epoch,
      seq: 0,
      floor: 0,
      hash: genesisHash(sha256, epoch),
      clock: new Map(),
      stateHash: emptyStateHash,
      live: 0,
      deviceByOrdinal: new Map(),
    };
  }
}

interface Todo {
  readonly happen: () => void;
  readonly fail: () => void;
}

/** The server's end of one socket. */
export class ModelConnection {
  readonly #server: ModelServer;
  readonly #deliver: (frame: ServerFrame) => void;
  readonly #onCut: () => void;
  #state: SessionState;
  #replica: Replica = { ordinal: -1, id: serverDeviceId };
  /** What was asked for and has not happened. */
  readonly #todo: Todo[] = [];
  /** Of one connection they happen in their order. */
  readonly #pushes: Push[] = [];
  isOpen = true;

  constructor(server: ModelServer, deliver: (frame: ServerFrame) => void, onCut: () => void) {
    this.#server = server;
    this.#deliver = deliver;
    this.#onCut = onCut;
    this.#state = openSession(server.now);
  }

  get ordinal(): number {
    return this.#replica.ordinal;
  }

  get waiting(): number {
    return this.#todo.length;
  }

  receive(frame: ClientFrame): void {
    this.#input({ kind: 'frame', frame, now: this.#server.now });
  }

  committed(piece: ModelPiece): void {
    if (this.ordinal >= 0) this.#input({ kind: 'committed', piece });
  }

  tick(): void {
    this.#input({ kind: 'tick', now: this.#server.now });
  }

  /** Lets one of the waiting things happen. */
  work(choice: number): void {
    this.#take(choice)?.happen();
  }

  /** The database is away: one of the waiting things fails. */
  fail(choice: number): void {
    this.#take(choice)?.fail();
  }

  cut(): void {
    this.isOpen = false;
    this.#onCut();
  }

  #input(input: Input<ModelPiece>): void {
    if (!this.isOpen) return;
    const { state, effects } = step<ModelPiece>(this.#state, input, smallLimits);
    this.#state = state;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect<ModelPiece>): void {
    switch (effect.kind) {
      case 'open':
        return this.#later(() => this.#open(effect.hello), { kind: 'refused', code: 'unavailable' });
      case 'append':
        this.#pushes.push(effect.push);
        return this.#later(() => this.#append(), null);
      case 'load':
        return this.#later(() => this.#input({ kind: 'loaded', piece: this.#server.piece(effect.from, this.ordinal) }), {
          kind: 'loadFailed',
        });
      case 'loadSnapshot': {
        const load = (): void => {
          const found = this.#server.page(effect.after, effect.limit + 1);
          const memories = found.slice(0, effect.limit);
          this.#input({ kind: 'loadedSnapshot', memories, isLast: memories.length === found.length });
        };
        return this.#later(load, { kind: 'loadFailed' });
      }
      case 'send':
        return this.#deliver(effect.frame);
      case 'sendDelta':
        return this.#deliver(toDelta(effect));
      case 'close':
        return this.cut();
      default:
        return;
    }
  }

  #take(choice: number): Todo | undefined {
    return this.#todo.splice(choice % Math.max(1, this.#todo.length), 1)[0];
  }

  /** @param failure what the session is told when it fails; null: of a push. */
  #later(happen: () => void, failure: Input<ModelPiece> | null): void {
    const fail = (): void => {
      if (failure === null) this.#pushes.shift();
      this.#input(failure ?? { kind: 'pushed', answer: { kind: 'failed', code: 'unavailable' } });
    };
    this.#todo.push({ happen, fail });
  }

  /** The commit is announced at once, the answer follows some time later. */
  #append(): void {
    const push = this.#pushes.shift();
    if (push === undefined || !this.isOpen) return;
    const { firstCounter, base, ops } = push;
    const result = this.#server.submit({
      kind: 'push',
      userId: this.#server.head.userId,
      device: this.#replica,
      firstCounter,
      base,
      ops,
    });
    const answer = (): void => this.#input({ kind: 'pushed', answer: this.#answer(result, ops.length) });
    this.#todo.push({ happen: answer, fail: answer });
  }

  #open(hello: Extract<ClientFrame, { type: 'HELLO' }>): void {
    this.#replica = this.#server.replica(hello.device);
    const { epoch, seq, floor, live, clock } = this.#server.head;
    const lastCounter = clock.get(this.ordinal) ?? 0;
    this.#input({
      kind: 'opened',
      opened: { epoch, head: seq, floor, live, lastCounter, shared: 0, tokenExpiresAt: 2 ** 50 },
      now: this.#server.now,
    });
  }

  #answer(result: AppendResult, ops: number): PushAnswer {
    if (result.kind === 'counter_gap' || result.kind === 'cursor_ahead') return result;
    if (result.kind !== 'pushed') return { kind: 'failed', code: 'internal_error' };
    const { acked, head, replayed } = result;
    const replayedFrom = replayed === null ? null : this.#server.seqOfDot(this.#replica.id, replayed.first);
    const fresh = replayed === null ? ops : ops - (replayed.last - replayed.first + 1);
    return { kind: 'pushed', acked, head, fresh, replayedFrom };
  }
}

function toDelta({ header, piece }: Extract<Effect<ModelPiece>, { kind: 'sendDelta' }>): Delta {
  return { type: 'DELTA', ...header, to: piece.to, events: piece.events };
}

/** A stable id for the n-th thing of its kind. */
export function modelId<Id extends DeviceId | MemoryId>(kind: string, n: number): Id {
  return idFromBytes<Id>(Buffer.from(hash('sha256', `${kind} ${n}`, 'hex'), 'hex').subarray(0, 16));
}
