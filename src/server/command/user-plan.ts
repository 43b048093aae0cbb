/**
 * What a group of requests does to one user's log: events, rows and answers, worked out from the head and the touched
 * memories without any I/O. Whoever writes it must hold that head: the plan is good for exactly that seq.
 */
import { randomBytes } from 'node:crypto';
import { clampHlc, compareHlc, type Hlc, tick } from '../../core/clock.ts';
import type { ConflictRef, LogEvent } from '../../core/event.ts';
import { conflictId, eventHash, payloadHash, saltBytes } from '../../core/hash-chain.ts';
import { type ConflictId, type MemoryId, nilMemoryId, serverDeviceId } from '../../core/ids.ts';
import {
  forgottenState,
  isDeleted,
  type MemoryState,
  type Merged,
  merge,
  type OpenConflict,
  type PlacedOp,
  type Rejected,
  type Resolution,
} from '../../core/merge.ts';
import { moveRow, removeRow } from '../../core/state-hash.ts';
import type { VectorClock } from '../../core/vector-clock.ts';
import { wireLimits } from '../../protocol/limits.ts';
import { packEvent } from '../../protocol/wire-events.ts';
import { joinParts, sha256 } from '../infra/bytes.ts';
import { clockAt, type PlacedDot } from '../log/clock-at.ts';
import type { Head } from '../log/head.ts';
import { type FlatClock, flatClockWith, flattenClock, hashedHeader, metaToBytes } from '../log/log-bytes.ts';
import type { EventRow } from '../log/rows.ts';
import type { Tombstone } from '../project/tombstones.ts';
import {
  type AppendRequest,
  type AppendResult,
  opsOf,
  type PushRequest,
  type Replica,
  type WriteRequest,
  type WriteResult,
} from './append-request.ts';

export interface ConflictChange extends OpenConflict {
  readonly id: ConflictId;
  readonly memoryId: MemoryId;
  readonly at: number;
  readonly resolution: Resolution | null;
  readonly resolvedSeq: number | null;
}

export interface UserPlan {
  readonly before: Head;
  readonly after: Head;
  readonly events: readonly EventRow[];
  /** The final state of each touched memory. */
  readonly states: ReadonlyMap<MemoryId, MemoryState>;
  /** Those of them that did not exist before. */
  readonly created: ReadonlySet<MemoryId>;
  readonly conflicts: ReadonlyMap<ConflictId, ConflictChange>;
  /** Memories whose rows go, with their conflicts, before the states are written (SYN-12). */
  readonly collected: ReadonlySet<MemoryId>;
  /** In the order of the requests. */
  readonly results: readonly AppendResult[];
  /** For each device that wrote, its last counter in this plan. */
  readonly lastCounterByDevice: ReadonlyMap<number, number>;
  /** `heads(base)` of the bases that the requests named. */
  readonly clockByBase: ReadonlyMap<number, FlatClock>;
  /** What became of the ops, counted. */
  readonly tally: PlanTally;
}

export interface PlanTally {
  applied: number;
  superseded: number;
  rejected: number;
  conflictsOpened: number;
  conflictsClosed: number;
}

export interface PlanInput {
  readonly head: Head;
  /** Touched memories; a memory that is missing does not exist. */
  readonly states: ReadonlyMap<MemoryId, MemoryState>;
  /** `heads(base)` where it is known already. */
  readonly clockByBase: ReadonlyMap<number, FlatClock>;
  /** For every other base below the head that a request names, at least the first dot of each device after it. */
  readonly dotsSince: (base: number) => Iterable<PlacedDot>;
  readonly requests: readonly AppendRequest[];
  /** What a collect request may take, oldest first. */
  readonly tombstones?: readonly Tombstone[];
  /** Server time, Unix ms. */
  readonly at: number;
  /** Salts of the payload hashes (LOG-4). Default: the system's; a simulation draws its own. */
  readonly randomBytes?: (size: number) => Uint8Array;
}

export function planUser(input: PlanInput): UserPlan {
  const draft = new UserDraft(input);
  const results = input.requests.map((request) => draft.answer(request));
  return draft.finish(results);
}

interface OpToAppend {
  readonly device: Replica;
  readonly actor: Replica | null;
  readonly counter: number;
  readonly base: number;
  readonly hlc: Hlc;
  readonly memoryId: MemoryId;
  readonly change: PlacedOp['change'];
  readonly erase?: boolean;
}

/** The server's replica, for every user. */
const server: Replica = { ordinal: 0, id: serverDeviceId };

/** The plan while it grows; it lives for one call of `planUser`. */
class UserDraft {
  readonly #input: PlanInput;
  readonly #events: EventRow[] = [];
  readonly #touched = new Map<MemoryId, MemoryState>();
  readonly #created = new Set<MemoryId>();
  readonly #conflicts = new Map<ConflictId, ConflictChange>();
  readonly #collected = new Set<MemoryId>();
  readonly #clock: Map<number, number>;
  readonly #dots: PlacedDot[] = [];
  /** Of the server's last op, where no device wrote since. */
  #serverClock: FlatClock | null = null;
  readonly #deviceByOrdinal: Map<number, Replica['id']>;
  readonly #clockByBase = new Map<number, FlatClock>();
  readonly #lastCounterByDevice = new Map<number, number>();
  /** One draw for all: a call for each salt would cost more than its hash. */
  readonly #salts: Uint8Array;
  readonly #tally: PlanTally = { applied: 0, superseded: 0, rejected: 0, conflictsOpened: 0, conflictsClosed: 0 };
  #seq: number;
  #hash: Uint8Array;
  #stateHash: Head['stateHash'];
  #live: number;
  #floor: number;

  constructor(input: PlanInput) {
    const { head } = input;
    this.#input = input;
    this.#salts = (input.randomBytes ?? randomBytes)(
      saltBytes * input.requests.reduce((sum, request) => sum + opsOf(request), 0),
    );
    this.#clock = new Map(head.clock);
    this.#deviceByOrdinal = new Map(head.deviceByOrdinal);
    this.#seq = head.seq;
    this.#hash = head.hash;
    this.#stateHash = head.stateHash;
    this.#live = head.live;
    this.#floor = head.floor;
  }

  answer(request: AppendRequest): AppendResult {
    switch (request.kind) {
      case 'push':
        return this.push(request);
      case 'write':
        return this.write(request.actor, request);
      case 'writes':
        return { kind: 'decided', results: request.writes.map((write) => this.write(request.actor, write)) };
      case 'collect':
        return this.collect();
    }
  }

  /** LOG-2: counters up to the last are replays, the next ones become events, a gap refuses the whole request. */
  push(request: PushRequest): AppendResult {
    const last = this.#clock.get(request.device.ordinal) ?? 0;
    const newest = request.firstCounter + request.ops.length - 1;
    if (request.firstCounter > last + 1) return { kind: 'counter_gap', expected: last + 1 };
    const highestBase = request.ops.reduce((max, op) => Math.max(max, op.base ?? 0), request.base);
    if (highestBase > this.#seq) return { kind: 'cursor_ahead', head: this.#seq };
    request.ops.forEach((op, index) => {
      const counter = request.firstCounter + index;
      if (counter <= last) return;
      this.#append({
        device: request.device,
        actor: null,
        counter,
        base: op.base ?? request.base,
        hlc: op.hlc,
        memoryId: op.memoryId,
        change: op.change,
      });
    });
    const replayed =
      request.firstCounter <= last && request.ops.length > 0
        ? { first: request.firstCounter, last: Math.min(last, newest) }
        : null;
    return { kind: 'pushed', acked: Math.max(last, newest), head: this.#seq, replayed };
  }

  write(actor: Replica, { memoryId, decide }: Pick<WriteRequest, 'memoryId' | 'decide'>): WriteResult {
    const state = this.#state(memoryId);
    const decision = decide(state);
    if ('refuse' in decision) {
      const { refuse: code, ...why } = decision;
      return { kind: 'refused', state, event: null, refusal: { code, ...why } };
    }
    const { write, erase } = decision;
    const counter = (this.#clock.get(server.ordinal) ?? 0) + 1;
    const hlc = decision.hlc ?? this.#nextServerHlc(state);
    const op = { device: server, actor, counter, base: this.#seq, hlc, memoryId, change: write };
    const event = this.#append(erase === undefined ? op : { ...op, erase });
    return { kind: 'written', state: this.#state(memoryId), event };
  }

  /** SYN-12: one event names what goes, so that devices and rebuilds let go of the same rows at the same place. */
  collect(): AppendResult {
    const waiting = (this.#input.tombstones ?? []).filter(({ id }) => !this.#collected.has(id) && !this.#touched.has(id));
    const taken = waiting.slice(0, wireLimits.collectIds);
    if (taken.length === 0) return { kind: 'collected', count: 0, more: false };
    for (const { id, seq } of taken) {
      this.#collected.add(id);
      this.#stateHash = removeRow(this.#stateHash, id, seq);
    }
    this.#floor = taken.reduce((floor, { seq }) => Math.max(floor, seq), this.#floor);
    const { at } = this.#input;
    const counter = (this.#clock.get(server.ordinal) ?? 0) + 1;
    const hlc: Hlc = { ms: at, count: 0 };
    const change = { writes: [] };
    const op = { device: server, actor: null, counter, base: this.#seq, hlc, memoryId: nilMemoryId, change };
    const collected = { floor: this.#floor, ids: taken.map(({ id }) => id) };
    const event: LogEvent = {
      seq: ++this.#seq,
      device: server.id,
      counter,
      hlc,
      at,
      memoryId: nilMemoryId,
      kind: 'collect',
      outcome: 'applied',
      change: null,
      lost: [],
      conflicts: [],
      collected,
    };
    this.#store(op, event, null, null);
    return { kind: 'collected', count: taken.length, more: waiting.length > taken.length };
  }

  finish(results: readonly AppendResult[]): UserPlan {
    const after: Head = {
      ...this.#input.head,
      seq: this.#seq,
      hash: this.#hash,
      clock: this.#clock,
      stateHash: this.#stateHash,
      live: this.#live,
      floor: this.#floor,
      deviceByOrdinal: this.#deviceByOrdinal,
    };
    return {
      before: this.#input.head,
      after,
      events: this.#events,
      states: this.#touched,
      created: this.#created,
      conflicts: this.#conflicts,
      collected: this.#collected,
      results,
      lastCounterByDevice: this.#lastCounterByDevice,
      clockByBase: this.#clockByBase,
      tally: this.#tally,
    };
  }

  #state(id: MemoryId): MemoryState | null {
    return this.#touched.get(id) ?? (this.#collected.has(id) ? null : (this.#input.states.get(id) ?? null));
  }

  #append(op: OpToAppend): LogEvent {
    const { at, head } = this.#input;
    const seq = ++this.#seq;
    const before = this.#state(op.memoryId);
    const hlc = clampHlc(op.hlc, at);
    const placed = { memoryId: op.memoryId, seq, device: op.device.id, base: op.base, hlc, at, change: op.change };
    const outcome =
      op.erase === true ? merge(before ?? forgottenState(placed), { ...placed, erase: true }) : merge(before, placed);
    const conflicts = this.#keepOutcome(before, outcome, op.memoryId, head);
    const event = toEvent(op, { seq, hlc, at }, outcome, conflicts);
    this.#store(op, event, before, compareHlc(hlc, op.hlc) === 0 ? null : op.hlc);
    return event;
  }

  /** Takes over the merged state and its conflicts; returns those that the event tells of. */
  #keepOutcome(before: MemoryState | null, outcome: Merged | Rejected, memoryId: MemoryId, head: Head): ConflictRef[] {
    if (outcome.outcome === 'rejected') return [];
    const { state, opened, moved, closed } = outcome;
    if (before === null) this.#created.add(memoryId);
    this.#touched.set(memoryId, state);
    this.#stateHash = moveRow(this.#stateHash, memoryId, before?.seq ?? 0, state.seq);
    this.#live += Number(!isDeleted(state)) - Number(before !== null && !isDeleted(before));
    const keep = (conflict: OpenConflict, resolution: Resolution | null): ConflictRef => {
      const id = conflictId(sha256, head.origin, memoryId, conflict.register, conflict.loserSeq);
      const at = this.#conflicts.get(id)?.at ?? this.#input.at;
      this.#conflicts.set(id, { ...conflict, id, memoryId, at, resolution, resolvedSeq: resolution === null ? null : state.seq });
      return { id, register: conflict.register, winnerSeq: conflict.winnerSeq, loserSeq: conflict.loserSeq };
    };
    this.#tally.conflictsOpened += opened.length;
    this.#tally.conflictsClosed += closed.length;
    for (const { conflict, resolution } of closed) keep(conflict, resolution);
    for (const conflict of moved) keep(conflict, null);
    return opened.map((conflict) => keep(conflict, null));
  }

  #store(op: OpToAppend, event: LogEvent, before: MemoryState | null, rawHlc: Hlc | null): void {
    const clock = this.#clockOf(op);
    const { prefix, payload } = packEvent(event, op.device.ordinal);
    const meta = metaToBytes({ payloadAt: prefix.length, base: op.base, actor: op.actor?.ordinal ?? null, clock, rawHlc });
    const salt = this.#salts.subarray(this.#events.length * saltBytes, (this.#events.length + 1) * saltBytes);
    this.#hash = eventHash(sha256, this.#hash, hashedHeader(event.seq, prefix, meta), payloadHash(sha256, salt, payload));
    this.#events.push({
      seq: event.seq,
      device: op.device.ordinal,
      counter: op.counter,
      memoryId: op.memoryId,
      at: event.at,
      kind: event.kind,
      prevSeq: event.outcome === 'rejected' ? 0 : (before?.seq ?? 0),
      wire: joinParts([prefix, payload]),
      meta,
      salt,
      hash: this.#hash,
    });
    this.#tally[event.outcome]++;
    this.#seen(op);
    this.#dots.push({ device: op.device.ordinal, counter: op.counter, seq: event.seq });
  }

  #seen(op: OpToAppend): void {
    for (const replica of op.actor === null ? [op.device] : [op.device, op.actor])
      this.#deviceByOrdinal.set(replica.ordinal, replica.id);
    this.#clock.set(op.device.ordinal, op.counter);
    this.#lastCounterByDevice.set(op.device.ordinal, op.counter);
  }

  /** LOG-5: `heads(base) ⊔ {device: counter}`. */
  #clockOf(op: OpToAppend): FlatClock {
    const dot = { device: op.device.ordinal, counter: op.counter };
    // The server has seen all that came before: what its op has seen is what its next one finds.
    if (op.device === server) {
      this.#serverClock = flatClockWith(this.#serverClock ?? flattenClock(this.#clock), dot);
      return this.#serverClock;
    }
    this.#serverClock = null;
    let clock = this.#clockByBase.get(op.base) ?? this.#input.clockByBase.get(op.base);
    if (clock === undefined) {
      clock = flattenClock(this.#headsAt(op.base));
      this.#clockByBase.set(op.base, clock);
    }
    return flatClockWith(clock, dot);
  }

  #headsAt(base: number): VectorClock {
    const { head, dotsSince } = this.#input;
    const inGroup = clockAt(this.#clock, this.#dots, base);
    return base >= head.seq ? inGroup : clockAt(inGroup, dotsSince(base), base);
  }

  /** The server's clock: now, or just after what the memory was last stamped with. */
  #nextServerHlc(state: MemoryState | null): Hlc {
    let latest: Hlc = { ms: 0, count: 0 };
    for (const cell of state?.cells.values() ?? []) if (compareHlc(cell.hlc, latest) > 0) latest = cell.hlc;
    return tick(latest, this.#input.at);
  }
}

/** The place and stamp that an op gets, before it is known what becomes of it. */
interface Stamped {
  readonly seq: number;
  readonly hlc: Hlc;
  readonly at: number;
}

function toEvent(
  op: OpToAppend,
  { seq, hlc, at }: Stamped,
  outcome: Merged | Rejected,
  conflicts: readonly ConflictRef[],
): LogEvent {
  const { counter, memoryId, change } = op;
  const device = op.device.id;
  if (outcome.outcome === 'rejected') {
    const { code } = outcome;
    return {
      seq,
      device,
      counter,
      hlc,
      at,
      memoryId,
      kind: 'reject',
      outcome: 'rejected',
      code,
      change: null,
      lost: [],
      conflicts,
    };
  }
  return {
    seq,
    device,
    counter,
    hlc,
    at,
    memoryId,
    kind: outcome.kind,
    outcome: outcome.outcome,
    change,
    lost: outcome.lost,
    conflicts,
  };
}
