/**
 * A replica that ends with its process. It copies nothing: what a change carries is what a later `load` returns, so a cold
 * sync costs one map entry a row.
 */
import type { OutboxOp, ReplicaChange } from '../sync/replica-change.ts';
import { type ClientStore, StorageFull, StorageLost, type Stored, withVersions } from './store.ts';
import { createVolatilePlace, emptyContent, type VolatileContent, type VolatilePlace } from './volatile-place.ts';

export function createVolatileStore(place: VolatilePlace = createVolatilePlace()): ClientStore {
  const { disk } = place;
  const mine = disk.content;
  let isOpen = true;

  function content(): VolatileContent {
    if (!isOpen) throw new StorageLost('this store was closed');
    if (disk.content !== mine) throw new StorageLost('what this store held was thrown away');
    return mine;
  }
  function askForRoom(change: ReplicaChange | null): void {
    if (disk.onWrite(change) === 'full') throw new StorageFull('no room is left');
  }

  return {
    description: 'volatile',
    async load(create) {
      await turn();
      const { rows, outbox, rejected } = content();
      if (mine.meta === null) {
        const meta = create();
        askForRoom({ meta });
        mine.meta = meta;
      }
      return {
        meta: mine.meta,
        rows: [...rows.values()],
        outbox: sortedOps(outbox),
        rejected: [...rejected.values()].sort((a, b) => a.seq - b.seq),
      };
    },
    async commit(needs, plan) {
      await turn();
      const { outbox } = content();
      if (mine.meta === null) throw new StorageLost('there is no replica here');
      const stored: Stored = { meta: mine.meta, outbox: needs === 'outbox' ? sortedOps(outbox) : null };
      const { change: planned, result } = plan(stored);
      if (planned === null) return { result, change: null };
      const change = withVersions(stored.meta, planned);
      refuseCountersInUse(mine, change);
      askForRoom(change);
      apply(mine, change);
      return { result, change };
    },
    async readNote(name) {
      await turn();
      return content().notes.get(name) ?? null;
    },
    async writeNote(name, value) {
      const copy: unknown = structuredClone(value);
      await turn();
      const { notes } = content();
      askForRoom(null);
      notes.set(name, copy);
    },
    async close() {
      isOpen = false;
    },
    async destroy() {
      content();
      isOpen = false;
      disk.content = emptyContent();
    },
  };
}

/** A database would not answer in the same turn either: what relies on it must not pass a test here. */
const turn = (): Promise<void> => Promise.resolve();

function sortedOps(outbox: ReadonlyMap<number, OutboxOp>): readonly OutboxOp[] {
  return [...outbox.values()].sort((a, b) => a.counter - b.counter);
}

/** Two ops with one counter would become one event. Found before anything is written: what follows cannot fail. */
function refuseCountersInUse({ outbox }: VolatileContent, change: ReplicaChange): void {
  const settled = new Set(change.settled);
  const stays = (counter: number) => change.outbox === undefined && outbox.has(counter) && !settled.has(counter);
  const coming = (change.outbox ?? change.added ?? []).map((op) => op.counter);
  if (new Set(coming).size < coming.length || coming.some(stays)) throw new Error('an op with this counter waits already');
}

function apply(content: VolatileContent, change: ReplicaChange): void {
  const { rows, outbox, rejected } = content;
  content.meta = change.meta;
  for (const id of change.removed ?? []) rows.delete(id);
  for (const row of change.rows ?? []) rows.set(row.id, row);
  if (change.outbox !== undefined) outbox.clear();
  for (const counter of change.settled ?? []) outbox.delete(counter);
  for (const op of change.outbox ?? change.added ?? []) outbox.set(op.counter, op);
  for (const seq of change.dismissed ?? []) rejected.delete(seq);
  for (const op of change.rejected ?? []) rejected.set(op.seq, op);
}
