/** Counters and ids of the ops that wait. */
import { compareHlc, tick } from '../core/clock.ts';
import type { DeviceId } from '../core/ids.ts';
import type { OutboxOp, ReplicaChange, ReplicaMeta } from './replica-change.ts';
import type { AdoptionMark, OpDraft } from './replica-step.ts';

/** Ops of this device, written now: stamps and counters after all that it wrote and saw, the cursor as their base. */
export function writtenOps(meta: ReplicaMeta, drafts: readonly OpDraft[], nowMs: number): { ops: OutboxOp[]; meta: ReplicaMeta } {
  let { clock, lastCounter } = meta;
  const ops = drafts.map(({ memoryId, change, hlc }) => {
    if (hlc === undefined || compareHlc(hlc, clock) > 0) clock = tick(clock, nowMs);
    lastCounter++;
    const op = { counter: lastCounter, base: meta.cursor, hlc: hlc ?? clock, memoryId, change };
    // Its counter is one of the lineage before, and will be another.
    return meta.resync?.reason === 'lineage' ? { ...op, origin: { device: meta.device, counter: lastCounter } } : op;
  });
  return { ops, meta: { ...meta, clock, lastCounter } };
}

/** Of the first op whose counter is above `counter`. Counters go up, and may have gaps: what a snapshot brought is settled late. */
export function indexAfter(outbox: readonly OutboxOp[], counter: number): number {
  let low = 0;
  let high = outbox.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((outbox[middle]?.counter ?? 0) > counter) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Null where somebody else has written the batch already. */
export function withMark(meta: ReplicaMeta, mark: AdoptionMark | undefined): ReplicaMeta | null {
  if (mark === undefined) return meta;
  const { database, before, after, done } = mark;
  const standing = meta.adopted[database] ?? { after: null, done: false };
  if (standing.done || standing.after !== before) return null;
  return { ...meta, adopted: { ...meta.adopted, [database]: { after, done } } };
}

/** The outbox with counters that follow on `serverCounter`; ops that the server may hold already keep theirs. */
export function renumbered(meta: ReplicaMeta, outbox: readonly OutboxOp[], serverCounter: number): ReplicaChange {
  let counter = serverCounter;
  const ops = outbox.map((op) => {
    if (op.counter <= serverCounter && op.origin === undefined) return op;
    counter++;
    return op.counter === counter ? op : { ...op, counter };
  });
  return { meta: { ...meta, lastCounter: Math.max(counter, serverCounter) }, outbox: ops };
}

/** The device goes on under another id; where its ops were before stays known, for those that are in the log already. */
export function forked(meta: ReplicaMeta, outbox: readonly OutboxOp[], device: DeviceId): ReplicaChange {
  const ops = outbox.map((op, index) => ({ ...op, counter: index + 1, origin: originOf(op, meta) }));
  return { meta: { ...meta, device, lastCounter: ops.length, acked: 0 }, outbox: ops };
}

/** The dot that an op was written with. */
export function originOf({ origin, counter }: OutboxOp, { device }: ReplicaMeta): NonNullable<OutboxOp['origin']> {
  return origin ?? { device, counter };
}
