/** Ops that a device wrote under an earlier id, once it is known what became of them. */
import { compareHlc } from '../core/clock.ts';
import type { LogEvent } from '../core/event.ts';
import { isEventOf, type PlannedStep } from './plan-delta.ts';
import { renumbered } from './plan-outbox.ts';
import type { OutboxOp, RejectedOp, ReplicaMeta } from './replica-change.ts';
import { nothingHappened } from './replica-step.ts';

/**
 * What the log holds of an earlier id's ops has become its event already; the others go out as ops of this device. A snapshot
 * tells neither, so the server was asked.
 */
export function released(meta: ReplicaMeta, outbox: readonly OutboxOp[], known: readonly LogEvent[]): PlannedStep {
  // Another tab has done it.
  if (outbox.every(({ origin }) => origin === undefined)) return { change: null, result: nothingHappened };
  const acknowledged: OutboxOp[] = [];
  const rejected: RejectedOp[] = [];
  const left: OutboxOp[] = [];
  for (const { origin, ...op } of outbox) {
    const event = origin === undefined ? undefined : known.find((candidate) => isSameOp(op, origin, candidate));
    if (event === undefined) {
      left.push(op);
      continue;
    }
    acknowledged.push(op);
    if (event.outcome === 'rejected') rejected.push({ seq: event.seq, code: event.code ?? 'invalid_value', op });
  }
  const change = { ...renumbered(meta, left, meta.acked), ...(rejected.length > 0 && { rejected }) };
  return {
    change,
    result: { ...nothingHappened, acknowledged, rejected, touched: [...new Set(acknowledged.map(({ memoryId }) => memoryId))] },
  };
}

/**
 * By its stamp and what it writes: a copy of this device may have pushed it under an id of its own. What is blank is known by
 * its dot.
 */
function isSameOp(op: OutboxOp, origin: NonNullable<OutboxOp['origin']>, event: LogEvent): boolean {
  if (event.change === null && (event.device !== origin.device || event.counter !== origin.counter)) return false;
  return isEventOf(op, event) && compareHlc(op.hlc, event.hlc) === 0;
}
