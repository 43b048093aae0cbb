import { genesisHash, payloadHash } from '../../src/core/hash-chain.ts';
import { type DeviceId, type Epoch, type MemoryId, serverDeviceId, type UserId } from '../../src/core/ids.ts';
import type { Memory } from '../../src/core/memory.ts';
import { isDeleted } from '../../src/core/merge.ts';
import { emptyStateHash, moveRow, removeRow, stateHashToString } from '../../src/core/state-hash.ts';
import type { StoredDelta } from '../../src/protocol/binary-codec.ts';
import { concatBytes, unpack } from '../../src/protocol/message-pack.ts';
import { erasedPayload, eventFromPacked } from '../../src/protocol/wire-events.ts';
import type { AppendRequest, CollectRequest } from '../../src/server/command/append-request.ts';
import { planUser, type UserPlan } from '../../src/server/command/user-plan.ts';
import { sha256 } from '../../src/server/infra/bytes.ts';
import type { Head } from '../../src/server/log/head.ts';
import { bytesToMeta } from '../../src/server/log/log-bytes.ts';
import { stateToMemory } from '../../src/server/project/memory-rows.ts';
import type { Tombstone } from '../../src/server/project/tombstones.ts';
import type { Piece } from '../../src/sync/session-io.ts';
import type { LogImage, StoredDevice, StoredEvent, TrueEvent } from './log-image.ts';
import type { Mutant } from './mutant.ts';

export interface LogPiece extends Piece, StoredDelta {}

/** A commit, as the sockets of its process hear of it. */
export interface Commit {
  readonly plan: UserPlan;
  pieceFor(ordinal: number): LogPiece;
}

export class VolatileLog {
  readonly userId: UserId;
  readonly #randomBytes: (size: number) => Uint8Array;
  readonly #mutant: Mutant | null;
  #image: LogImage;

  constructor(userId: UserId, epoch: Epoch, randomBytes: (size: number) => Uint8Array, mutant: Mutant | null) {
    this.userId = userId;
    this.#randomBytes = randomBytes;
    this.#mutant = mutant;
    this.#image = emptyImage(userId, epoch);
  }

  get image(): LogImage {
    return this.#image;
  }

  get head(): Head {
    return this.#image.head;
  }

  get stateHash(): string {
    return stateHashToString(this.head.stateHash);
  }

  /** The store is exchanged for one of before: a restored backup, or an empty one. */
  restore(image: LogImage): void {
    this.#image = image;
  }

  wipe(epoch: Epoch): void {
    this.#image = emptyImage(this.userId, epoch);
  }

  /** `aibrain new-epoch`: the present epoch ends at the present head. */
  beginEpoch(epoch: Epoch): void {
    const { head, epochs } = this.#image;
    const ended = new Map([...epochs].map(([id, shared]) => [id, Math.min(shared, head.seq)]));
    this.#image = { ...this.#image, head: { ...head, epoch }, epochs: ended.set(head.epoch, head.seq) };
  }

  /** The newest seq that the lineage of this epoch shares with the present one. */
  sharedWith(epoch: Epoch | null): number {
    if (epoch === null) return 0;
    return epoch === this.head.epoch ? this.head.seq : (this.#image.epochs.get(epoch) ?? 0);
  }

  /** The requests as one transaction, decided by the real plan. */
  append(asked: readonly AppendRequest[], at: number): Commit {
    const image = this.#image;
    const requests = this.#mutant?.requests?.(asked, image) ?? asked;
    const head = { ...image.head, deviceByOrdinal: this.#deviceByOrdinal() };
    const planned = planUser({
      head,
      states: image.states,
      clockByBase: new Map(),
      dotsSince: () => image.dots,
      requests,
      tombstones: requests.flatMap((request) => (request.kind === 'collect' ? this.#tombstones(request) : [])),
      at,
      randomBytes: this.#randomBytes,
    });
    const plan = this.#mutant?.plan?.(planned) ?? planned;
    this.#write(plan);
    return { plan, pieceFor: (ordinal) => this.#pieceOf(plan, ordinal) };
  }

  /** A page of the log after `from`. */
  readPiece(from: number, ordinal: number, maxEvents: number): LogPiece {
    const { events, head } = this.#image;
    const page = events.slice(from, from + maxEvents);
    const piece = this.#toPiece(from, page, ordinal, head.seq);
    return piece.to === head.seq ? { ...piece, hash: this.stateHash } : piece;
  }

  /** The memories with ids below `after`, greatest first. */
  readPage(after: MemoryId | null, limit: number): readonly Memory[] {
    const ids = [...this.#image.states.keys()].sort().reverse();
    const rest = after === null ? ids : ids.filter((id) => id < after);
    return rest.slice(0, limit).flatMap((id) => {
      const state = this.#image.states.get(id);
      return state === undefined ? [] : [stateToMemory(state)];
    });
  }

  seqOfDot(ordinal: number, counter: number): number | null {
    return this.#image.dots.find((dot) => dot.device === ordinal && dot.counter === counter)?.seq ?? null;
  }

  setDevice(device: StoredDevice): void {
    this.#image = { ...this.#image, devices: new Map(this.#image.devices).set(device.id, device) };
  }

  /** As project/tombstones reads them. */
  #tombstones({ deletedBefore, seenAfter }: CollectRequest): Tombstone[] {
    const { states, truth, devices } = this.#image;
    const holding = [...devices.values()].filter(
      (device) => !device.isRevoked && device.lastSeenAt > seenAfter && device.cursor > 0,
    );
    const found = [...states.values()].filter(
      (state) =>
        isDeleted(state) &&
        !state.erased &&
        state.conflicts.length === 0 &&
        (truth[state.seq - 1]?.at ?? 0) < deletedBefore &&
        holding.every((device) => device.cursor >= state.seq),
    );
    return found.map(({ id, seq }) => ({ id, seq })).sort((a, b) => a.seq - b.seq);
  }

  #write(plan: UserPlan): void {
    const image = this.#image;
    const states = new Map(image.states);
    for (const id of plan.collected) states.delete(id);
    for (const [id, state] of plan.states) states.set(id, state);
    const conflicts = new Map([...image.conflicts].filter(([, { memoryId }]) => !plan.collected.has(memoryId)));
    for (const [id, conflict] of plan.conflicts) conflicts.set(id, { ...conflict, at: conflicts.get(id)?.at ?? conflict.at });
    const written = plan.events.map((row): StoredEvent => ({ ...row, payloadHash: null }));
    const names = plan.after.deviceByOrdinal;
    const truth = plan.events.map((row): TrueEvent => {
      const event = eventFromPacked(unpack(row.wire), row.seq, names);
      const { base, rawHlc } = bytesToMeta(row.meta);
      return { ...event, base, rawHlc };
    });
    let events: readonly StoredEvent[] = [...image.events, ...written];
    for (const { kind, memoryId, seq } of truth) {
      if (kind !== 'erase') continue;
      events = events.map((row) => (row.memoryId === memoryId && row.seq < seq ? blanked(row) : row));
      for (const [id, conflict] of conflicts) if (conflict.memoryId === memoryId) conflicts.delete(id);
    }
    this.#image = {
      ...image,
      head: plan.after,
      states,
      conflicts,
      events,
      truth: [...image.truth, ...truth],
      dots: [...image.dots, ...plan.events.map(({ device, counter, seq }) => ({ device, counter, seq }))],
      hashes: [...image.hashes, ...hashesOf(plan, image, truth)],
    };
  }

  #pieceOf(plan: UserPlan, ordinal: number): LogPiece {
    const piece = this.#toPiece(plan.before.seq, plan.events, ordinal, plan.after.seq);
    return { ...piece, hash: stateHashToString(plan.after.stateHash) };
  }

  #toPiece(
    from: number,
    page: readonly Pick<StoredEvent, 'wire' | 'device' | 'counter'>[],
    ordinal: number,
    head: number,
  ): LogPiece {
    const events = concatBytes(page.map((row) => row.wire));
    const own = page.filter((row) => row.device === ordinal).map((row) => row.counter);
    const deviceByOrdinal = this.#deviceByOrdinal();
    const ordinals = new Set([0, ...page.map((row) => row.device)]);
    for (const known of deviceByOrdinal.keys()) if (!ordinals.has(known)) deviceByOrdinal.delete(known);
    return {
      from,
      to: from + page.length,
      count: page.length,
      events,
      deviceByOrdinal,
      head,
      ownCounter: Math.max(0, ...own),
      bytes: events.length,
    };
  }

  #deviceByOrdinal(): Map<number, DeviceId> {
    const names = new Map<number, DeviceId>([[0, serverDeviceId]]);
    for (const { ordinal, id } of this.#image.devices.values()) names.set(ordinal, id);
    return names;
  }
}

/** The state hash after each event of the plan: what a device at that cursor has to show. */
function hashesOf(plan: UserPlan, image: LogImage, truth: readonly TrueEvent[]): string[] {
  const seqById = new Map([...image.states].map(([id, state]) => [id, state.seq]));
  let hash = image.head.stateHash;
  const hashes = truth.map(({ seq, kind, memoryId, collected }) => {
    if (kind === 'collect') {
      for (const id of collected?.ids ?? []) {
        hash = removeRow(hash, id, seqById.get(id) ?? 0);
        seqById.delete(id);
      }
    } else if (kind !== 'reject') {
      hash = moveRow(hash, memoryId, seqById.get(memoryId) ?? 0, seq);
      seqById.set(memoryId, seq);
    }
    return stateHashToString(hash);
  });
  if (hashes.length > 0 && hashes.at(-1) !== stateHashToString(plan.after.stateHash))
    throw new Error('the plan has another state hash than its events');
  return hashes;
}

function blanked(row: StoredEvent): StoredEvent {
  if (row.salt === null || row.kind === 'erase') return row;
  const { payloadAt } = bytesToMeta(row.meta);
  const prefix = row.wire.subarray(0, payloadAt);
  const hash = payloadHash(sha256, row.salt, row.wire.subarray(payloadAt));
  return { ...row, wire: concatBytes([prefix, erasedPayload(prefix)]), salt: null, payloadHash: hash };
}

function emptyImage(userId: UserId, epoch: Epoch): LogImage {
  return {
    head: {
      userId,
      epoch,
      origin: epoch,
      seq: 0,
      floor: 0,
      hash: genesisHash(sha256, epoch),
      clock: new Map(),
      stateHash: emptyStateHash,
      live: 0,
      deviceByOrdinal: new Map([[0, serverDeviceId]]),
    },
    states: new Map(),
    events: [],
    truth: [],
    dots: [],
    conflicts: new Map(),
    devices: new Map(),
    epochs: new Map(),
    hashes: [stateHashToString(emptyStateHash)],
  };
}
