/**
 * What a device holds, worked out from the frames by the words of SYN-4 and SYN-5 alone: rows are put by snapshots and changed
 * by events, each event sets the registers that it did not lose.
 */

import type { Change } from '../../src/core/change.ts';
import type { LogEvent } from '../../src/core/event.ts';
import type { MemoryId } from '../../src/core/ids.ts';
import type { Memory } from '../../src/core/memory.ts';
import type { RegisterName, RegisterValue } from '../../src/core/register.ts';
import { expectSome, expectThat } from '../expect.ts';
import { hashOfRows } from './state-hash.ts';

interface Row {
  seq: number;
  createdAt: number;
  updatedAt: number;
  erased: boolean;
  values: Map<RegisterName, RegisterValue>;
}

export interface ReplicaModel {
  readonly size: number;
  /** A memory as it stands in a SNAPSHOT. */
  put(memory: Memory): void;
  /** @param own the op that this device wrote, for an event that comes without its patch. */
  apply(event: LogEvent, own?: Change): void;
  get(id: MemoryId): Memory | undefined;
  /** By id, ascending. */
  all(): readonly Memory[];
  stateHash(): string;
}

export function createReplicaModel(): ReplicaModel {
  const rows = new Map<MemoryId, Row>();
  return {
    get size() {
      return rows.size;
    },
    put: (memory) => void rows.set(memory.id, rowOf(memory)),
    apply(event, own) {
      if (event.kind === 'collect') return collect(rows, event);
      if (event.outcome === 'rejected') return;
      const row = rows.get(event.memoryId);
      if (row !== undefined && event.seq <= row.seq) return;
      rows.set(event.memoryId, event.kind === 'erase' ? eraseRow(row, event) : changeRow(row, event, own));
    },
    get(id) {
      const row = rows.get(id);
      return row && memoryOf(id, row);
    },
    all: () => [...rows.keys()].sort().map((id) => memoryOf(id, expectSome('a row', rows.get(id)))),
    stateHash: () => hashOfRows(Array.from(rows, ([id, { seq }]) => [id, seq] as const)),
  };
}

function collect(rows: Map<MemoryId, Row>, { seq, collected }: LogEvent): void {
  for (const id of collected?.ids ?? []) if ((rows.get(id)?.seq ?? seq) < seq) rows.delete(id);
}

function eraseRow(row: Row | undefined, { seq, hlc }: LogEvent): Row {
  const values = new Map<RegisterName, RegisterValue>([['deleted', true]]);
  return { seq, createdAt: row?.createdAt ?? hlc.ms, updatedAt: hlc.ms, erased: true, values };
}

function changeRow(row: Row | undefined, event: LogEvent, own: Change | undefined): Row {
  const { seq, hlc, at, lost } = event;
  const change = event.change ?? own;
  const values = new Map(row?.values);
  const won = change?.writes.filter((write) => !lost.includes(write.register)) ?? [];
  for (const { register, value } of won) values.set(register, value);
  const createdAt = row?.createdAt ?? Math.max(0, Math.min(change?.createdAt ?? hlc.ms, at));
  const updatedAt = won.length > 0 ? Math.max(row?.updatedAt ?? 0, hlc.ms) : (row?.updatedAt ?? hlc.ms);
  return { seq, createdAt, updatedAt, erased: false, values };
}

function rowOf({ seq, createdAt, updatedAt, erased, deleted, tags, content, type, scope, confidence, source }: Memory): Row {
  const fields = Object.entries({ content, type, scope, confidence, source, deleted }) as [RegisterName, RegisterValue][];
  return {
    seq,
    createdAt,
    updatedAt,
    erased,
    values: new Map([...fields, ...tags.map((tag) => [`tags/${tag}`, true] as const)]),
  };
}

function memoryOf(id: MemoryId, { seq, createdAt, updatedAt, erased, values }: Row): Memory {
  const value = <K extends keyof Memory>(register: RegisterName, empty: Memory[K]) =>
    (values.get(register) ?? empty) as Memory[K];
  const tags = [...values].filter(([register, present]) => register.startsWith('tags/') && present === true);
  return {
    id,
    seq,
    content: value<'content'>('content', ''),
    type: value<'type'>('type', 'fact'),
    scope: value<'scope'>('scope', 'user_global'),
    confidence: value<'confidence'>('confidence', null),
    source: value<'source'>('source', null),
    tags: tags.map(([register]) => register.slice('tags/'.length)).sort(),
    deleted: value<'deleted'>('deleted', false),
    erased,
    createdAt,
    updatedAt,
  };
}

/** Two accounts of the same memories agree, row by row. */
export function expectSameMemories(what: string, got: readonly Memory[], expected: readonly Memory[]): void {
  const gotById = new Map(got.map((memory) => [memory.id, memory]));
  for (const memory of expected) {
    const other = gotById.get(memory.id);
    expectThat(other !== undefined, `${what}: the memory ${memory.id}`, 'none');
    expectSameMemory(what, other, memory);
    gotById.delete(memory.id);
  }
  expectThat(gotById.size === 0, `${what}: no other memory`, [...gotById.keys()]);
}

function expectSameMemory(what: string, got: Memory, expected: Memory): void {
  // What is left of an erased memory says that it was there, and nothing of what it said.
  const told = ({ erased, seq, deleted, content, ...rest }: Memory) =>
    erased ? { erased, seq, deleted, content } : { erased, seq, deleted, content, ...rest };
  const [one, other] = [JSON.stringify(sorted(told(got))), JSON.stringify(sorted(told(expected)))];
  expectThat(one === other, `${what}: ${other}`, one);
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}
