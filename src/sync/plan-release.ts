/** Ops that a device wrote under an earlier id, once it is known what became of them. */
import { isEventOf, type PlannedStep } from './plan-delta.ts';
import { renumbered } from './plan-outbox.ts';
import type { OutboxOp, RejectedOp, ReplicaMeta } from './replica-change.ts';
import { type KnownOp, nothingHappened } from './replica-step.ts';

/**
 * What the log holds of an earlier id's ops has become its event already; the others go out as ops of this device. A snapshot
 * tells neither, so the server was asked.
 */
export function released(meta: ReplicaMeta, outbox: readonly OutboxOp[], known: readonly KnownOp[]): PlannedStep {
  const acknowledged: OutboxOp[] = [];
  const rejected: RejectedOp[] = [];
  const left: OutboxOp[] = [];
  for (const { origin, ...op } of outbox) {
    const event = known.find(({ device, counter }) => device === origin?.device && counter === origin.counter);
    if (event === undefined || !isEventOf(op, { ...event, change: null })) {
      left.push(op);
      continue;
    }
    acknowledged.push(op);
    if (event.outcome === 'rejected') rejected.push({ seq: event.seq, code: event.code ?? 'invalid_value', op });
  }
  const change = { ...renumbered(meta, left, meta.acked), ...(rejected.length > 0 && { rejected }) };
  return {
    change,
    result: { ...nothingHappened, acknowledged, rejected, touched: acknowledged.map(({ memoryId }) => memoryId) },
  };
}
