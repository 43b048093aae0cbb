/**
 * Proves a user's log (LOG-4): recomputes every payload hash, header and link of the chain, compares the columns with the
 * bytes they were taken from, and checks seqs, counters and the head. Reads in pages and needs no transaction: events do
 * not change, and erasure keeps the chain valid.
 */
import { setImmediate } from 'node:timers/promises';
import { type Collected, eventKinds, type LogEvent } from '../../core/event.ts';
import { eventHash, genesisHash } from '../../core/hash-chain.ts';
import type { MemoryId, UserId } from '../../core/ids.ts';
import { emptyStateHash, moveRow, removeRow, type StateHash, stateHashToString } from '../../core/state-hash.ts';
import { sha256 } from '../infra/bytes.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { type Head, readHead } from './head.ts';
import { clockToBytes, hashedHeader } from './log-bytes.ts';
import { type EventRecord, readLog } from './read-events.ts';
import { takeApart } from './stored-event.ts';

/** Events that are hashed in one turn of the event loop; others have theirs in between. */
const eventsPerTurn = 200;

export interface LogVerdict {
  readonly verified: boolean;
  /** Events that were checked. */
  readonly events: number;
  /** Seq of the newest event. */
  readonly head: number;
  /** Hash of the newest event, hex: who keeps it can tell later whether the log was written anew. */
  readonly headHash: string;
  /** The first event that does not hold, or head + 1 when only the head row is wrong. */
  readonly brokenAt?: number;
  /** For people: what does not hold there. */
  readonly reason?: string;
}

/** Null for a user that does not exist. @param onProgress events checked so far, once a page. */
export async function verifyLog(
  db: Queryable,
  userId: UserId,
  onProgress: (events: number) => void = () => {},
): Promise<LogVerdict | null> {
  const head = await readHead(db, userId);
  if (head === null) return null;
  const run = new Run(head);
  const broken = (seq: number, reason: string): LogVerdict => ({ ...run.soFar(), verified: false, brokenAt: seq, reason });
  for await (const page of readLog(db, userId, head.seq)) {
    for (const [index, record] of page.entries()) {
      const reason = run.check(record);
      if (reason !== null) return broken(run.nextSeq, reason);
      if (index % eventsPerTurn === eventsPerTurn - 1) await setImmediate();
    }
    onProgress(run.nextSeq - 1);
  }
  if (run.nextSeq <= head.seq) return broken(run.nextSeq, 'the event is missing');
  const blanked = await findBlankedWithoutErasure(db, head, run.blankSeqById);
  if (blanked !== null) return broken(blanked, 'the payload is gone, and the memory was never erased');
  const reason = run.compareHead();
  return reason === null ? { ...run.soFar(), verified: true } : broken(head.seq + 1, reason);
}

/** The fold over the log; it lives for one verification. */
class Run {
  readonly #head: Head;
  readonly #clock = new Map<number, number>();
  readonly #seqById = new Map<MemoryId, number>();
  readonly #live = new Set<MemoryId>();
  /** Memories with a blank payload and no erasing event yet, by the first such seq. */
  readonly blankSeqById = new Map<MemoryId, number>();
  #hash: Uint8Array;
  #stateHash: StateHash = emptyStateHash;
  #floor = 0;
  nextSeq = 1;

  constructor(head: Head) {
    this.#head = head;
    this.#hash = genesisHash(sha256, head.origin);
  }

  soFar(): Pick<LogVerdict, 'events' | 'head' | 'headHash'> {
    return { events: this.nextSeq - 1, head: this.#head.seq, headHash: Buffer.from(this.#head.hash).toString('hex') };
  }

  /** What is wrong with the event, or null; then it is taken in. */
  check(record: EventRecord): string | null {
    if (record.seq !== this.nextSeq) return 'the event is missing';
    const parts = takeApart(record, this.#head.deviceByOrdinal);
    if (!parts.ok) return parts.error;
    const { event, prefix } = parts.value;
    const hash = eventHash(sha256, this.#hash, hashedHeader(record.seq, prefix, record.meta), parts.value.payloadHash);
    if (!record.hash.equals(hash)) return 'the hash does not follow from the event and the one before it';
    const wrong = this.#compareColumns(record, event);
    if (wrong !== null) return `the column ${wrong} is not what the event says`;
    if (event.collected?.ids.some((id) => !this.#seqById.has(id))) return 'a memory is collected that is not there';
    this.#take(record, event);
    return null;
  }

  #collect({ floor, ids }: Collected): void {
    this.#floor = floor;
    for (const id of ids) {
      this.#stateHash = removeRow(this.#stateHash, id, this.#seqById.get(id) ?? 0);
      this.#seqById.delete(id);
      this.#live.delete(id);
    }
  }

  compareHead(): string | null {
    const { hash, clock, stateHash, live, floor } = this.#head;
    if (!Buffer.from(hash).equals(this.#hash)) return 'the head has another hash than the newest event';
    if (!Buffer.from(clockToBytes(clock)).equals(clockToBytes(this.#clock))) return 'the head has another clock than the log';
    if (stateHashToString(stateHash) !== stateHashToString(this.#stateHash))
      return 'the head has another state hash than the log';
    if (floor !== this.#floor) return 'the head has another floor than the log';
    // Whether a memory was live before it was erased, while this ran, its blank events do not tell.
    if (this.blankSeqById.size > 0) return null;
    return live === this.#live.size ? null : 'the head counts other live memories than the log';
  }

  #compareColumns(record: EventRecord, event: LogEvent): string | null {
    const prevSeq = event.outcome === 'rejected' ? 0 : (this.#seqById.get(event.memoryId) ?? 0);
    if (this.#head.deviceByOrdinal.get(record.device) !== event.device) return 'device';
    if (record.counter !== event.counter || record.counter !== (this.#clock.get(record.device) ?? 0) + 1) return 'counter';
    if (record.memory_id !== event.memoryId) return 'memory_id';
    if (record.at_ms !== event.at) return 'at_ms';
    if (eventKinds[record.kind] !== event.kind) return 'kind';
    return record.prev_seq === prevSeq ? null : 'prev_seq';
  }

  #take(record: EventRecord, event: LogEvent): void {
    this.#hash = record.hash;
    this.#clock.set(record.device, record.counter);
    this.nextSeq++;
    if (record.salt === null) this.blankSeqById.set(event.memoryId, this.blankSeqById.get(event.memoryId) ?? event.seq);
    if (event.kind === 'erase') this.blankSeqById.delete(event.memoryId);
    if (event.outcome === 'rejected') return;
    if (event.collected !== undefined) return this.#collect(event.collected);
    this.#stateHash = moveRow(this.#stateHash, event.memoryId, this.#seqById.get(event.memoryId) ?? 0, event.seq);
    this.#seqById.set(event.memoryId, event.seq);
    if (isLiveAfter(event, this.#live.has(event.memoryId))) this.#live.add(event.memoryId);
    else this.#live.delete(event.memoryId);
  }
}

/** A delete never loses (MRG-5); a restore may. */
function isLiveAfter({ kind, change, lost }: LogEvent, before: boolean): boolean {
  if (kind === 'erase' || kind === 'delete') return false;
  if (kind === 'restore') return lost.includes('deleted') ? before : true;
  if (kind === 'create')
    return change !== null && !change.writes.some(({ register, value }) => register === 'deleted' && value === true);
  return before;
}

const erasedSinceStatement: Statement = {
  name: 'erased-since',
  text: `select memory_id from events where user_id = $1::uuid and seq > $2::bigint and kind = $3::smallint
    and memory_id = any($4::uuid[])`,
};

/** Memories that were erased while this ran have their erasing event above the head that it began with. */
async function findBlankedWithoutErasure(
  db: Queryable,
  head: Head,
  seqById: ReadonlyMap<MemoryId, number>,
): Promise<number | null> {
  if (seqById.size === 0) return null;
  const params = [head.userId, head.seq, eventKinds.indexOf('erase'), [...seqById.keys()]];
  const erased = new Set((await db.query<{ memory_id: MemoryId }>(erasedSinceStatement, params)).map((row) => row.memory_id));
  const seqs = [...seqById].filter(([id]) => !erased.has(id)).map(([, seq]) => seq);
  return seqs.length === 0 ? null : Math.min(...seqs);
}
