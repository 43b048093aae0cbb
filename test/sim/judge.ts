/**
 * Who watches. Some rules are checked at every commit, of the server and of every device; what is remembered here is compared
 * again at the end by the oracles. It sees everything and changes nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Change } from '../../src/core/change.ts';
import { compareHlc } from '../../src/core/clock.ts';
import type { DeviceId, Epoch, MemoryId, UserId } from '../../src/core/ids.ts';
import type { Memory } from '../../src/core/memory.ts';
import { stateHashToString } from '../../src/core/state-hash.ts';
import type { OutboxOp, ReplicaChange } from '../../src/sync/replica-change.ts';
import type { SimulatedDevice } from './device.ts';
import type { DiskState } from './disk-state.ts';
import type { LogImage, TrueEvent } from './log-image.ts';
import { createReferenceLog, type ReferenceLog, type ReferenceRow } from './reference-merge.ts';
import type { Commit, VolatileLog } from './volatile-log.ts';

export interface Defect {
  readonly oracle: OracleName;
  readonly text: string;
}

export type OracleName =
  | 'acked then lost'
  | 'chain broken'
  | 'conflict lists'
  | 'cursor gap'
  | 'divergence'
  | 'duplicate effect'
  | 'older write won'
  | 'outbox stuck'
  | 'restart changed state'
  | 'resurrection'
  | 'status untrue'
  | 'subscription missed'
  | 'tenant leak'
  | 'value lost'
  | 'crashed';

/** One writing of a value by somebody: an op that a device kept, an offer after a reset, a REST request. */
export interface Writing {
  readonly memoryId: MemoryId;
  readonly register: string;
  readonly value: unknown;
}

/** What a device still showed of a lineage that the server went back on, when it began to take in the new one. */
export interface Owed extends Writing {
  readonly device: SimulatedDevice;
}

export interface Kept extends Writing {
  readonly device: SimulatedDevice;
  readonly diskLife: number;
}

/** A user's log through all of its lineages. */
export interface History {
  readonly log: VolatileLog;
  reference: ReferenceLog;
  /** Rows after each event, by seq; of this lineage, and of all that were ended. */
  rows: Map<number, ReferenceRow>;
  readonly endedRows: Map<number, ReferenceRow>[];
  /** State hash by seq, of ended lineages. */
  readonly endedHashes: (readonly string[])[];
  /** Everything that was ever committed, by its dot. */
  readonly everByDot: Map<string, TrueEvent[]>;
  readonly everWritten: Set<string>;
  /** When it was committed, virtual ms, by what stays of an op when a copy of its device pushes it. */
  readonly everByIdentity: Map<string, number>;
  /** How often somebody wrote a value, by register and value. */
  readonly writings: Map<string, Set<string>>;
  /** Reference by image: backups that may come back. */
  readonly backups: Map<LogImage, { readonly reference: ReferenceLog; readonly rows: Map<number, ReferenceRow> }>;
  owed: Owed[];
  /** What a client said was kept, on the life of a disk that was then. */
  readonly kept: Kept[];
  /** Values that the server refused and a device kept for its user. */
  readonly refused: Set<string>;
  /** A restore without a new epoch happened: what was lost then nobody can know. */
  isSilent: boolean;
}

export class Judge {
  readonly defects: Defect[] = [];
  readonly trace: string[] | null;
  readonly histories = new Map<UserId, History>();
  readonly #now: () => number;

  constructor(now: () => number, keepsTrace: boolean) {
    this.#now = now;
    this.trace = keepsTrace ? [] : null;
  }

  note(text: string): void {
    this.trace?.push(`${(this.#now() / 1_000).toFixed(3).padStart(9)}  ${text}`);
  }

  accuse(oracle: OracleName, text: string): void {
    this.note(`DEFECT ${oracle}: ${text}`);
    if (this.defects.length < 10) this.defects.push({ oracle, text });
  }

  addUser(log: VolatileLog): void {
    this.histories.set(log.userId, {
      log,
      reference: createReferenceLog(),
      rows: new Map(),
      endedRows: [],
      endedHashes: [],
      everByDot: new Map(),
      everWritten: new Set(),
      everByIdentity: new Map(),
      writings: new Map(),
      backups: new Map(),
      owed: [],
      kept: [],
      refused: new Set(),
      isSilent: false,
    });
  }

  historyOf(userId: UserId): History {
    const history = this.histories.get(userId);
    if (history === undefined) throw new Error(`nobody judges ${userId}`);
    return history;
  }

  /** The server's commit: the rules, told by other words, give the same rows and the same losers. */
  committed(userId: UserId, { plan }: Commit): void {
    const history = this.historyOf(userId);
    const { image } = history.log;
    for (const { seq } of plan.events) {
      const event = image.truth[seq - 1];
      if (event === undefined || event.seq !== seq) return this.accuse('chain broken', `event ${seq} is not at its place`);
      this.#take(history, event);
    }
  }

  /** The store was backed up: the reference goes back with it if it is restored. */
  keep(userId: UserId): void {
    const { log, backups, reference, rows } = this.historyOf(userId);
    backups.set(log.image, { reference: reference.copy(), rows: new Map(rows) });
  }

  /** The store goes back to `image`, or to nothing. */
  wentBack(userId: UserId, image: LogImage | null, isSilent: boolean): void {
    const history = this.historyOf(userId);
    history.endedRows.push(history.rows);
    history.endedHashes.push(history.log.image.hashes);
    const back = image === null ? undefined : history.backups.get(image);
    history.reference = back?.reference.copy() ?? createReferenceLog();
    history.rows = new Map(back?.rows);
    history.isSilent ||= isSilent;
    // What was offered is gone again, or still waits in an outbox; what is shown now is owed anew.
    history.owed = [];
  }

  /** Somebody wrote a value, and nothing else than this will bring it into the log. */
  wrote(userId: UserId, writing: Writing, by: string): void {
    const { writings } = this.historyOf(userId);
    const key = keyOf(writing);
    const known = writings.get(key);
    if (known === undefined) writings.set(key, new Set([by]));
    else known.add(by);
  }

  /** The device's commit: what left the outbox is in the log, and every row is what the log makes of it. */
  deviceCommitted(device: SimulatedDevice, change: ReplicaChange, before: DiskState): void {
    const history = this.historyOf(device.options.userId);
    this.#noteNewOps(device, change, before);
    for (const { op } of change.rejected ?? [])
      for (const { register, value } of op.change.writes) history.refused.add(keyOf({ memoryId: op.memoryId, register, value }));
    this.#noteReleased(device, history, change, before);
    this.#checkSettled(device, history, change, before);
    this.#checkRows(device, history, change);
    this.#checkPrefix(device, history, change, before);
    this.#noteOwed(device, history, change, before);
  }

  #take(history: History, event: TrueEvent): void {
    const { row, complaint, meetsDelete } = history.reference.take(event);
    if (meetsDelete && !isNamed(history, event))
      this.accuse('value lost', `event ${event.seq} and a delete did not know of each other, and no conflict says so`);
    if (complaint !== null) this.accuse('older write won', `event ${event.seq}: ${complaint}`);
    if (row !== null) history.rows.set(event.seq, row);
    const dot = dotOf(event.device, event.counter);
    history.everByDot.set(dot, [...(history.everByDot.get(dot) ?? []), event]);
    const { memoryId, change, hlc, rawHlc } = event;
    if (change !== null) history.everByIdentity.set(identityOf({ memoryId, change, hlc: rawHlc ?? hlc }), this.#now());
    for (const { register, value } of event.change?.writes ?? [])
      history.everWritten.add(keyOf({ memoryId: event.memoryId, register, value }));
  }

  #noteNewOps(device: SimulatedDevice, { added, outbox, meta }: ReplicaChange, before: DiskState): void {
    const { userId, name } = device.options;
    const known = outbox === undefined ? [] : [...before.outbox.values()].map(identityOf);
    for (const op of outbox ?? added ?? []) {
      const identity = identityOf(op);
      const at = known.indexOf(identity);
      // What is offered again may be the same as an op that waits: two of one kind are two writings.
      if (at !== -1) known.splice(at, 1);
      else this.#wroteOp(userId, op, `${name} ${device.diskLife} ${identity} ${meta.version}`);
    }
  }

  /**
   * Two copies of a device that ask the server at the same moment both learn that it does not hold their op, and both push it.
   * Nothing but the server could tell them apart; the rest of the copies have to know.
   */
  #noteReleased(device: SimulatedDevice, history: History, { outbox }: ReplicaChange, before: DiskState): void {
    const waited = new Set([...before.outbox.values()].filter(({ origin }) => origin !== undefined).map(identityOf));
    for (const op of outbox ?? []) {
      const identity = identityOf(op);
      if (op.origin !== undefined || !waited.has(identity) || !device.isCopied) continue;
      const committedAt = history.everByIdentity.get(identity) ?? Number.POSITIVE_INFINITY;
      if (this.#now() - committedAt < raceMs)
        this.#wroteOp(device.options.userId, op, `${device.options.name} ${identity} released`);
    }
  }

  #wroteOp(userId: UserId, { memoryId, change }: OutboxOp, by: string): void {
    for (const { register, value } of change.writes) this.wrote(userId, { memoryId, register, value }, by);
  }

  /** SYN-13: an op leaves the outbox when its event is in the log, and only then. */
  #checkSettled(device: SimulatedDevice, history: History, change: ReplicaChange, before: DiskState): void {
    const { settled, outbox } = change;
    if (settled === undefined && outbox === undefined) return;
    const left = new Set((outbox ?? []).map(identityOf));
    const isGone = (op: OutboxOp): boolean =>
      outbox === undefined ? settled?.includes(op.counter) === true : !left.has(identityOf(op));
    const owner = before.meta?.device;
    for (const op of before.outbox.values()) {
      if (!isGone(op) || owner === undefined) continue;
      const dots = [dotOf(owner, op.counter), ...(op.origin === undefined ? [] : [dotOf(op.origin.device, op.origin.counter)])];
      const events = dots.flatMap((dot) => history.everByDot.get(dot) ?? []);
      const own = events.filter(
        (event) =>
          event.memoryId === op.memoryId &&
          (event.change === null ? isSameStamp(event, op) : isSameChange(event.change, op.change)),
      );
      if (own.length === 0 && !(op.origin !== undefined && history.everByIdentity.has(identityOf(op))))
        this.accuse('acked then lost', `${device.options.name} let go of op ${op.counter} (${describe(op)}), which is in no log`);
      const isRejected = own.length > 0 && own.every((event) => event.outcome === 'rejected');
      const isKept = change.rejected?.some((rejected) => identityOf(rejected.op) === identityOf(op)) === true;
      if (isRejected && !isKept)
        this.accuse('acked then lost', `${device.options.name} forgot op ${op.counter} (${describe(op)}), which was rejected`);
    }
  }

  /** Field reverted, cursor gap: each row that a device ever holds is what the log makes of it up to that seq. */
  #checkRows(device: SimulatedDevice, history: History, { rows = [] }: ReplicaChange): void {
    // Seqs that were given twice within one epoch: rows of both lineages meet, until the state hash tells.
    if (history.isSilent) return;
    for (const row of rows) {
      const candidates = [history.rows, ...history.endedRows].flatMap((lineage) => lineage.get(row.seq) ?? []);
      const same = candidates.filter(({ id }) => id === row.id);
      if (same.some((reference) => isSameRow(row, reference) || reference.erased)) continue;
      // Events of a memory that was erased since come blank: what they made is not to be seen any more.
      if (history.reference.rows.get(row.id)?.erased === true) continue;
      const expected = same.length === 0 ? 'no such row' : JSON.stringify(same.at(-1));
      this.accuse('cursor gap', `${device.options.name} holds ${JSON.stringify(row)}, by the log ${expected}`);
    }
  }

  /** SYN-4: outside of a snapshot a device holds an exact prefix of the log. */
  #checkPrefix(
    device: SimulatedDevice,
    history: History,
    { meta, settled, rows, removed }: ReplicaChange,
    before: DiskState,
  ): void {
    if (rows === undefined && removed === undefined && settled === undefined && meta.cursor === before.meta?.cursor) return;
    if (meta.snapshot !== null || meta.resync !== null) return;
    if (device.isCorrupted || history.isSilent) return;
    const hash = stateHashToString(meta.stateHash);
    const lineages = [history.log.image.hashes, ...history.endedHashes];
    // A snapshot is newer than its cursor, until the delta behind it has caught up.
    if (device.snapshotUntil !== null && meta.cursor < device.snapshotUntil) return;
    device.snapshotUntil = null;
    if (!lineages.some((hashes) => hashes[meta.cursor] === hash))
      this.accuse('cursor gap', `${device.options.name} at cursor ${meta.cursor} holds no prefix of the log`);
  }

  /** What it showed of the lineage before, at the moment in which it begins to take in another one. */
  #noteOwed(device: SimulatedDevice, history: History, { meta }: ReplicaChange, before: DiskState): void {
    if (meta.resync?.reason !== 'lineage' || before.meta === null) return;
    if (before.meta.resync?.reason === 'lineage' && before.meta.cursor === 0 && before.meta.epoch === null) return;
    const epoch = before.meta.epoch;
    if (epoch === null || history.isSilent) return;
    const shared = history.log.sharedWith(epoch as Epoch);
    const owed = [...before.rows.values()].filter((row) => row.seq > shared && !row.erased && !device.isCorrupted);
    const writings = owed.flatMap((row) => writingsOf(row).map((writing) => ({ ...writing, device })));
    history.owed = [...history.owed.filter((debt) => debt.device !== device), ...writings];
  }
}

const isSameStamp = ({ hlc, rawHlc }: TrueEvent, op: OutboxOp): boolean => compareHlc(rawHlc ?? hlc, op.hlc) === 0;

const isSameChange = (a: Change, b: Change): boolean => textOf(a) === textOf(b);

/** The codec may write a source with its keys in another order. */
const textOf = ({ writes }: Change): string =>
  writes
    .map(({ register, value }) => `${register}=${JSON.stringify(value)}`)
    .sort()
    .join();

/** Whether a conflict of `deleted` was opened by the event, or goes on against it. */
function isNamed({ log }: History, { memoryId, seq }: TrueEvent): boolean {
  // Erased in the same transaction: then nothing is left to restore.
  if (log.image.states.get(memoryId)?.erased === true) return true;
  const conflicts = [...log.image.conflicts.values()];
  return conflicts.some(
    (conflict) =>
      conflict.memoryId === memoryId &&
      conflict.register === 'deleted' &&
      (conflict.loserSeq === seq || conflict.winnerSeq >= seq),
  );
}

/** From asking the server to acting on its answer, ms. */
const raceMs = 20_000;

export const dotOf = (device: DeviceId, counter: number): string => `${device} ${counter}`;

export const keyOf = ({ memoryId, register, value }: Writing): string => `${memoryId} ${register} ${JSON.stringify(value)}`;

/** What stays of an op when it gets another counter or another device. */
export const identityOf = ({ memoryId, hlc, change }: Pick<OutboxOp, 'memoryId' | 'hlc' | 'change'>): string =>
  `${memoryId} ${hlc.ms}-${hlc.count} ${change.writes.map(({ register, value }) => `${register}=${JSON.stringify(value)}`).join()}`;

export const describe = ({ memoryId, change }: Pick<OutboxOp, 'memoryId' | 'change'>): string =>
  `${memoryId.slice(0, 4)} ${change.writes.map(({ register, value }) => `${register}=${JSON.stringify(value)}`).join(' ')}`;

/** Registers whose values are written once in a run: they tell where a value went. */
export const isTraced = (register: string): boolean =>
  register === 'content' || register === 'confidence' || register === 'source';

/** A memory that it showed as deleted has no values to show. */
export function writingsOf(row: Memory): Writing[] {
  if (row.deleted) return [{ memoryId: row.id, register: 'deleted', value: true }];
  const registers = ['content', 'confidence', 'source'] as const;
  const writings = registers.map((register) => ({ memoryId: row.id, register, value: row[register] }));
  return writings.filter(({ value }) => value !== null && value !== '');
}

export function isSameRow(row: Memory, reference: ReferenceRow): boolean {
  return isDeepStrictEqual(
    { ...row, tags: [...row.tags].sort(), source: row.source ?? null },
    { ...reference, tags: [...reference.tags] },
  );
}
