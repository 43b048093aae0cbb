/** What can happen to a replica, and what comes of it. Planned by `planStep`, carried out by whoever owns the store. */

import type { Change } from '../core/change.ts';
import type { Hlc } from '../core/clock.ts';
import type { LogEvent } from '../core/event.ts';
import type { DeviceId, Epoch, MemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import type { Delta, Snapshot, SnapshotPlace } from '../protocol/frames.ts';
import type { OutboxOp, RejectedOp, ReplicaMeta, Resync } from './replica-change.ts';

export interface OpDraft {
  readonly memoryId: MemoryId;
  readonly change: Change;
  /** Of content that is older than its op: adopted records. Default: the device's clock. */
  readonly hlc?: Hlc;
}

/** How far another database was brought in; stands in `meta.adopted` under its name. */
export interface AdoptionMark {
  readonly database: string;
  /** The mark that the batch was read after: another one by now means that somebody else wrote this batch. */
  readonly before: string | null;
  readonly after: string | null;
  readonly done: boolean;
}

export type ReplicaStep =
  | { readonly kind: 'write'; readonly drafts: readonly OpDraft[]; readonly mark?: AdoptionMark }
  | { readonly kind: 'delta'; readonly delta: Delta }
  /** `serverCounter`: the last counter of this device that WELCOME told. */
  | {
      readonly kind: 'snapshot';
      readonly page: Snapshot;
      readonly serverCounter: number;
      /** Where the snapshot of this connection stands; null: at its beginning. Left out: where the replica stands. */
      readonly place?: SnapshotPlace | null;
    }
  | { readonly kind: 'join'; readonly epoch: Epoch; readonly serverCounter: number }
  /** Begins again from cursor 0; rows stay until the snapshot has swept them, the outbox stays (SYN-5). */
  | { readonly kind: 'restart'; readonly resync: Resync }
  | { readonly kind: 'fork'; readonly device: DeviceId }
  /** The server was asked: what waits of an earlier id and is not among these is not in the log, and goes out under the new one. */
  | { readonly kind: 'release'; readonly known: readonly LogEvent[] }
  | { readonly kind: 'dismiss'; readonly seqs: readonly number[] };

export interface StepResult {
  /** Events that were new to this replica. */
  readonly events: readonly LogEvent[];
  /** Own ops whose events were seen. */
  readonly acknowledged: readonly OutboxOp[];
  /** Of these, the ones that the server could not apply. */
  readonly rejected: readonly RejectedOp[];
  /** Ops that were written here. */
  readonly written: readonly OutboxOp[];
  /** Memories that look different now, each once; null: all may. */
  readonly touched: readonly MemoryId[] | null;
  /** Somebody else writes with this device's id: take another one (SYN-13). */
  readonly forked: boolean;
  /** The state hash differs from the server's at the same seq (SYN-6). */
  readonly diverged: boolean;
  /** The server has forgotten ops whose events were seen here: it was restored to an earlier state. */
  readonly forgotten: boolean;
}

export const nothingHappened: StepResult = {
  events: [],
  acknowledged: [],
  rejected: [],
  written: [],
  touched: [],
  forked: false,
  diverged: false,
  forgotten: false,
};

/** What a plan looks at beside the record and the outbox that the transaction read. */
export interface ReplicaView {
  readonly outbox: readonly OutboxOp[];
  row(id: MemoryId): Memory | null;
  /** Of the rows: ids below `above` and not below `low`; null: no bound. */
  idsBetween(above: MemoryId | null, low: MemoryId | null): readonly MemoryId[];
}

/** Whether the plan needs the outbox as it is stored, beside the record. */
export function needsOutbox(step: ReplicaStep, view: ReplicaView, meta: ReplicaMeta): boolean {
  switch (step.kind) {
    case 'join':
    case 'restart':
    case 'fork':
    case 'release':
      return true;
    case 'snapshot':
      return meta.resync?.reason === 'lineage';
    case 'delta':
      return view.outbox[0]?.origin !== undefined;
    default:
      return false;
  }
}
