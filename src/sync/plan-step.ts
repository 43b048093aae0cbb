/** Every step of a replica as a pure function: (view, record, step) → one change and what came of it. */
import type { MemoryId } from '../core/ids.ts';
import { hashRows } from '../core/state-hash.ts';
import { type PlannedStep, planDelta } from './plan-delta.ts';
import { forked, originOf, renumbered, withMark, writtenOps } from './plan-outbox.ts';
import { released } from './plan-release.ts';
import { planSnapshot } from './plan-snapshot.ts';
import type { OutboxOp, ReplicaChange, ReplicaMeta, Resync } from './replica-change.ts';
import { nothingHappened, type OpDraft, type ReplicaStep, type ReplicaView } from './replica-step.ts';

/** The record and the outbox as the transaction read them: the outbox null unless `needsOutbox`. */
export interface StoredReplica {
  readonly meta: ReplicaMeta;
  readonly outbox: readonly OutboxOp[] | null;
}

/** @param nowMs the device's own clock, however wrong. @throws RangeError for a delta that is not the next one. */
export function planStep(view: ReplicaView, { meta, outbox }: StoredReplica, step: ReplicaStep, nowMs: number): PlannedStep {
  switch (step.kind) {
    case 'write':
      return planWrite(view, meta, step, nowMs);
    case 'delta':
      return planDelta(view, meta, outbox, step.delta, nowMs);
    case 'snapshot':
      return planSnapshot(view, meta, outbox, step);
    case 'join':
      return planJoin(meta, outbox ?? [], step);
    case 'restart':
      return changed(planRestart(view, meta, outbox ?? [], step.resync));
    case 'fork':
      return changed(forked(meta, outbox ?? [], step.device));
    case 'release':
      return released(meta, outbox ?? [], step.known);
    case 'dismiss':
      return { change: { meta, dismissed: step.seqs }, result: { ...nothingHappened } };
  }
}

function planWrite(
  view: ReplicaView,
  meta: ReplicaMeta,
  step: Extract<ReplicaStep, { kind: 'write' }>,
  nowMs: number,
): PlannedStep {
  const marked = withMark(meta, step.mark);
  if (marked === null) return { change: null, result: nothingHappened };
  const drafts = step.mark === undefined ? step.drafts : draftsOfUnknown(view, step.drafts);
  const written = writtenOps(marked, drafts, nowMs);
  const touched: MemoryId[] = [...new Set(written.ops.map(({ memoryId }) => memoryId))];
  return { change: { meta: written.meta, added: written.ops }, result: { ...nothingHappened, written: written.ops, touched } };
}

/**
 * What is brought in from another database is older than what this replica knows of the same memory. As an op it would follow
 * on the row and win against it (MRG-1).
 */
function draftsOfUnknown(view: ReplicaView, drafts: readonly OpDraft[]): readonly OpDraft[] {
  const waiting = new Set(view.outbox.map(({ memoryId }) => memoryId));
  return drafts.filter(({ memoryId }) => view.row(memoryId) === null && !waiting.has(memoryId));
}

/**
 * WELCOME. A server that knows fewer counters than were seen acknowledged has been restored to an earlier state: this is no
 * replica of its log any more. Otherwise the waiting ops follow on what it knows.
 */
function planJoin(
  meta: ReplicaMeta,
  outbox: readonly OutboxOp[],
  { epoch, serverCounter }: Extract<ReplicaStep, { kind: 'join' }>,
): PlannedStep {
  if (meta.resync === null && serverCounter < meta.acked)
    return { change: null, result: { ...nothingHappened, forgotten: true } };
  const next = renumbered({ ...meta, epoch, acked: Math.min(meta.acked, serverCounter) }, outbox, serverCounter);
  // As a rule they follow on it already, and ten thousand of them need not be written again.
  if (outbox.some((op, index) => next.outbox?.[index] !== op)) return changed(next);
  const isSame = epoch === meta.epoch && next.meta.acked === meta.acked && next.meta.lastCounter === meta.lastCounter;
  return isSame ? { change: null, result: nothingHappened } : changed({ meta: next.meta });
}

/**
 * In another lineage a base means nothing beyond what both share; in the same one it stays what the device had seen. The hash
 * is that of the rows that are really here: kept up from a record that does not fit them, it would differ after the snapshot
 * as well, and the replica would mend itself for ever.
 */
function planRestart(view: ReplicaView, meta: ReplicaMeta, outbox: readonly OutboxOp[], resync: Resync): ReplicaChange {
  const isOther = resync.reason === 'lineage';
  const stateHash = hashRows(view.idsBetween(null, null).flatMap((id) => view.row(id) ?? []));
  const next = { ...meta, cursor: 0, snapshot: null, stateHash, resync: joinResyncs(meta.resync, resync) };
  if (!isOther) return { meta: next };
  // Counters begin again there: whether a copy of this device has brought an op in already has to be asked.
  const shared = next.resync.shared ?? 0;
  const ops = outbox.map((op) => ({ ...op, base: Math.min(op.base, shared), origin: originOf(op, meta) }));
  return { meta: { ...next, epoch: null }, outbox: ops };
}

/** What a lineage lost has to be offered until the snapshot was swept, whatever else makes it begin again. */
function joinResyncs(standing: Resync | null, next: Resync): Resync {
  if (standing?.reason !== 'lineage') return next;
  if (next.reason !== 'lineage' || next.shared === null) return standing;
  return { reason: 'lineage', shared: standing.shared === null ? next.shared : Math.min(standing.shared, next.shared) };
}

const changed = (change: ReplicaChange): PlannedStep => ({ change, result: { ...nothingHappened } });
