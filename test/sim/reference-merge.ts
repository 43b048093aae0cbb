/**
 * A second opinion on every row: the log's ops merged again by the words of the rules (docs/ARCHITECTURE.md, MRG-1 to MRG-7,
 * SYN-12), without a line of core/merge. Slow and plain on purpose. Conflicts are judged by other oracles.
 */
import type { DeviceId, MemoryId } from '../../src/core/ids.ts';
import type { TrueEvent } from './log-image.ts';

type Value = unknown;

interface Register {
  readonly value: Value;
  readonly seq: number;
  readonly device: DeviceId;
  readonly ms: number;
  readonly count: number;
}

interface Record {
  readonly registers: Map<string, Register>;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly isErased: boolean;
  readonly seq: number;
}

/** As a device shows a row, tags sorted. */
export interface ReferenceRow {
  readonly id: MemoryId;
  readonly seq: number;
  readonly content: string;
  readonly type: string;
  readonly scope: string;
  readonly confidence: number | null;
  readonly source: unknown;
  readonly tags: readonly string[];
  readonly deleted: boolean;
  readonly erased: boolean;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface Taken {
  readonly row: ReferenceRow | null;
  /** What the log says otherwise than the rules. */
  readonly complaint: string | null;
  /** MRG-5: an edit and a delete that did not know of each other meet in it: it has to be named by a conflict of `deleted`. */
  readonly meetsDelete: boolean;
}

export interface ReferenceLog {
  readonly rows: ReadonlyMap<MemoryId, ReferenceRow>;
  take(event: TrueEvent): Taken;
  /** Goes on separately: a store that was restored. */
  copy(): ReferenceLog;
}

export function createReferenceLog(from: ReadonlyMap<MemoryId, Record> = new Map()): ReferenceLog {
  const records = new Map(from);
  return {
    get rows() {
      return new Map([...records].map(([id, record]) => [id, toRow(id, record)]));
    },
    take(event) {
      if (event.kind === 'collect') return { row: null, complaint: collect(records, event), meetsDelete: false };
      const before = records.get(event.memoryId) ?? null;
      if (event.outcome === 'rejected') return { row: null, complaint: complainOfRejection(before, event), meetsDelete: false };
      if (before?.isErased === true) return { row: null, complaint: 'an erased memory was written', meetsDelete: false };
      const { record, lost } = event.kind === 'erase' ? { record: erase(before, event), lost: [] } : write(before, event);
      records.set(event.memoryId, record);
      const told = [...event.lost].sort().join();
      const complaint = lost.sort().join() === told ? null : `by the rules lost [${lost.join()}], told lost [${told}]`;
      return { row: toRow(event.memoryId, record), complaint, meetsDelete: event.kind !== 'erase' && meetsDelete(before, event) };
    },
    copy: () => createReferenceLog(records),
  };
}

function write(before: Record | null, event: TrueEvent): { record: Record; lost: string[] } {
  const registers = new Map(before?.registers);
  const lost: string[] = [];
  let latest = -1;
  for (const { register, value } of event.change?.writes ?? []) {
    const standing = registers.get(register);
    const placed = { value, seq: event.seq, device: event.device };
    if (standing === undefined) {
      registers.set(register, { ...placed, ...event.hlc });
      latest = Math.max(latest, event.hlc.ms);
    } else if (standing.seq <= event.base || standing.device === event.device) {
      // MRG-1: it knew what it wrote over.
      const stamp = isLater(event.hlc, standing) ? event.hlc : successor(standing);
      registers.set(register, { ...placed, ...stamp });
      latest = Math.max(latest, stamp.ms);
    } else if (winsConcurrently(event, value, register, standing)) {
      registers.set(register, { ...placed, ...event.hlc });
      latest = Math.max(latest, event.hlc.ms);
    } else if (!isSame(value, standing.value)) lost.push(register);
  }
  const created = Math.min(event.change?.createdAt ?? event.hlc.ms, event.at);
  const isWon = lost.length < (event.change?.writes.length ?? 0);
  // The op won something if only by an equal value: its stamp counts.
  const stampMs = isWon ? Math.max(latest, event.hlc.ms) : event.hlc.ms;
  return {
    lost,
    record: {
      registers,
      createdAt: before?.createdAt ?? Math.max(0, created),
      updatedAt: isWon || before === null ? Math.max(before?.updatedAt ?? 0, stampMs) : before.updatedAt,
      isErased: false,
      seq: event.seq,
    },
  };
}

/** MRG-2, and MRG-5 for `deleted`: a delete wins whatever the stamps say. */
function winsConcurrently(event: TrueEvent, value: Value, register: string, standing: Register): boolean {
  if (register === 'deleted' && value !== standing.value) return value === true;
  const { ms, count } = event.hlc;
  if (ms !== standing.ms) return ms > standing.ms;
  if (count !== standing.count) return count > standing.count;
  return event.device > standing.device;
}

/** The delete that stands, or the one that comes, on one side; an edit that neither knew of on the other. */
function meetsDelete(before: Record | null, event: TrueEvent): boolean {
  const isUnseen = ({ seq, device }: Register): boolean => seq > event.base && device !== event.device;
  const standing = before?.registers.get('deleted');
  const written = event.change?.writes.find(({ register }) => register === 'deleted');
  if (written === undefined) return standing?.value === true && isUnseen(standing);
  if (written.value !== true || standing?.value === true || event.lost.includes('deleted')) return false;
  return [...(before?.registers ?? [])].some(([register, cell]) => register !== 'deleted' && isUnseen(cell));
}

function erase(before: Record | null, event: TrueEvent): Record {
  return {
    registers: new Map([['deleted', { value: true, seq: event.seq, device: event.device, ...event.hlc }]]),
    createdAt: before?.createdAt ?? event.change?.createdAt ?? 0,
    updatedAt: event.hlc.ms,
    isErased: true,
    seq: event.seq,
  };
}

/** SYN-12: what is collected was deleted, and every row that is named existed. */
function collect(records: Map<MemoryId, Record>, event: TrueEvent): string | null {
  let complaint: string | null = null;
  for (const id of event.collected?.ids ?? []) {
    const record = records.get(id);
    if (record === undefined) complaint = `collected ${id}, which is not there`;
    else if (record.registers.get('deleted')?.value !== true || record.isErased)
      complaint = `collected ${id}, which is no tombstone`;
    records.delete(id);
  }
  return complaint;
}

function complainOfRejection(before: Record | null, { code, seq }: TrueEvent): string | null {
  if (code === 'unknown_memory' && before !== null) return `${seq} was rejected as unknown, and the memory was there`;
  if (code === 'erased_memory' && before?.isErased !== true) return `${seq} was rejected as erased, and the memory was not`;
  return null;
}

function toRow(id: MemoryId, { registers, createdAt, updatedAt, isErased, seq }: Record): ReferenceRow {
  const value = (name: string, empty: Value): Value => registers.get(name)?.value ?? empty;
  const tags = [...registers].filter(([name, cell]) => name.startsWith('tags/') && cell.value === true);
  return {
    id,
    seq,
    content: value('content', '') as string,
    type: value('type', 'fact') as string,
    scope: value('scope', 'user_global') as string,
    confidence: value('confidence', null) as number | null,
    source: value('source', null),
    tags: tags.map(([name]) => name.slice(5)).sort(),
    deleted: value('deleted', false) as boolean,
    erased: isErased,
    createdAt,
    updatedAt,
  };
}

interface Stamp {
  readonly ms: number;
  readonly count: number;
}

const isLater = (a: Stamp, b: Stamp): boolean => a.ms > b.ms || (a.ms === b.ms && a.count > b.count);

const successor = ({ ms, count }: Stamp): Stamp => (count < 65_535 ? { ms, count: count + 1 } : { ms: ms + 1, count: 0 });

const isSame = (a: Value, b: Value): boolean => a === b || JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));

const sorted = (value: Value): Value =>
  typeof value === 'object' && value !== null ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)) : value;
