/**
 * A page of a snapshot on a replica (SYN-5). Pages come with descending ids, each stands for all ids from the last one of the
 * page before down to its own last one: a row in that range which is not on the page is gone. So rows of before are swept as
 * the pages come, without marks, and an interrupted snapshot goes on where it stopped.
 *
 * Where the server went on from an earlier state (`lineage`), what it lost is offered again as ops of this device, in the
 * same step that replaces the row: a crash in between loses neither.
 */
import type { MemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import { addRow, removeRow, type StateHash } from '../core/state-hash.ts';
import type { Snapshot, SnapshotPlace } from '../protocol/frames.ts';
import type { PlannedStep } from './plan-delta.ts';
import type { OutboxOp, ReplicaChange, ReplicaMeta, Resync } from './replica-change.ts';
import { writesBetween } from './replica-rows.ts';
import { nothingHappened, type ReplicaStep, type ReplicaView } from './replica-step.ts';

/**
 * @param stored the whole outbox, where something may be offered again.
 * @throws RangeError when the page goes on from where this replica does not stand, or is older than it: another tab has taken
 * in others.
 */
export function planSnapshot(
  view: ReplicaView,
  meta: ReplicaMeta,
  stored: readonly OutboxOp[] | null,
  { page, serverCounter, place = standing(meta) }: SnapshotStep,
): PlannedStep {
  if (page.at < meta.cursor) throw new RangeError(`the page is of ${page.at}, the replica is at ${meta.cursor}`);
  const range = rangeOf(meta, page, place);
  const kept = new Set(page.memories.map(({ id }) => id));
  const removed = view.idsBetween(range.above, page.next).filter((id) => !kept.has(id));
  const offered = meta.resync?.reason === 'lineage' ? offerAgain(view, page, removed, meta.resync) : [];
  const stateHash = hashAfter(view, meta.stateHash, page.memories, removed);
  const isLast = page.next === null;
  const after: ReplicaMeta = {
    ...meta,
    stateHash,
    cursor: isLast ? page.at : 0,
    snapshot: isLast ? null : { at: page.at, after: page.next },
    resync: isLast ? null : (meta.resync ?? (range.isAnew ? { reason: 'expired', shared: null } : null)),
  };
  const touched = [...page.memories.map(({ id }) => id), ...removed];
  const rows = { rows: page.memories, ...(removed.length > 0 && { removed }) };
  return {
    change: { ...withOffered(after, stored ?? [], offered, { serverCounter, base: meta.resync?.shared ?? 0 }), ...rows },
    result: { ...nothingHappened, touched },
  };
}

/** What can be offered: the whole memory where the server has none, else the registers that differ. */
interface Offer {
  readonly memoryId: MemoryId;
  readonly was: Memory;
  readonly is: Memory | null;
}

type SnapshotStep = Extract<ReplicaStep, { kind: 'snapshot' }>;

const standing = ({ snapshot }: ReplicaMeta): SnapshotPlace | null =>
  snapshot === null || snapshot.after === null ? null : { at: snapshot.at, after: snapshot.after };

/** The ids that the page speaks for, and whether an interrupted snapshot began anew. */
function rangeOf(
  meta: ReplicaMeta,
  page: Snapshot,
  place: SnapshotPlace | null,
): { readonly above: MemoryId | null; readonly isAnew: boolean } {
  const own = standing(meta);
  const first = page.memories[0]?.id;
  const goesOn = place !== null && place.at === page.at && (first === undefined || first < place.after);
  if (!goesOn) return { above: null, isAnew: own !== null };
  if (own?.at !== place.at || own.after !== place.after) throw new RangeError('the page goes on with another snapshot');
  return { above: place.after, isAnew: false };
}

function hashAfter(view: ReplicaView, before: StateHash, memories: readonly Memory[], removed: readonly MemoryId[]): StateHash {
  let hash = before;
  for (const id of [...removed, ...memories.map((memory) => memory.id)]) {
    const seq = view.row(id)?.seq;
    if (seq !== undefined) hash = removeRow(hash, id, seq);
  }
  for (const { id, seq } of memories) hash = addRow(hash, id, seq);
  return hash;
}

function offerAgain(view: ReplicaView, page: Snapshot, removed: readonly MemoryId[], { shared }: Resync): Offer[] {
  const offers: Offer[] = [];
  for (const memory of page.memories) {
    const was = view.row(memory.id);
    if (was !== null && !memory.erased && !was.erased && isLost(was, memory, shared))
      offers.push({ memoryId: memory.id, was, is: memory });
  }
  for (const id of removed) {
    const was = view.row(id);
    // A tombstone too: another device may offer the memory as it was before the delete, and a delete comes first (MRG-5).
    if (was !== null && !was.erased && isLost(was, null, shared)) offers.push({ memoryId: id, was, is: null });
  }
  return offers;
}

/** Where nobody knows what both lineages share, the later stamp tells. */
function isLost(was: Memory, is: Memory | null, shared: number | null): boolean {
  if (shared !== null) return was.seq > shared;
  return is === null || was.updatedAt > is.updatedAt;
}

/**
 * The offered values go before what still waits here, which was written on top of them; after the ops that the server may hold
 * already, whose counters are taken. Their stamp is the time at which the row was last written and their base is what both
 * lineages share: they follow on what was there then, and meet what others wrote since as what they are, concurrent.
 */
function withOffered(
  meta: ReplicaMeta,
  outbox: readonly OutboxOp[],
  offers: readonly Offer[],
  { serverCounter, base }: { readonly serverCounter: number; readonly base: number },
): ReplicaChange {
  if (offers.length === 0) return { meta };
  const taken = outbox.filter((op) => op.counter <= serverCounter && op.origin === undefined);
  const waiting = outbox.filter((op) => !taken.includes(op));
  let counter = Math.max(serverCounter, taken.at(-1)?.counter ?? 0);
  const ops = offers.flatMap(({ memoryId, was, is }) => {
    const writes = writesBetween(is, was);
    const change = is === null ? { writes, createdAt: was.createdAt } : { writes };
    return writes.length === 0 ? [] : [{ counter: ++counter, base, hlc: { ms: was.updatedAt, count: 0 }, memoryId, change }];
  });
  const renumbered = waiting.map((op) => ({ ...op, counter: ++counter }));
  return { meta: { ...meta, lastCounter: Math.max(counter, meta.lastCounter) }, outbox: [...taken, ...ops, ...renumbered] };
}
