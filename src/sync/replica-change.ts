/**
 * What a device keeps, and what one step changes of it. A step (a local write, a delta, a page of a snapshot, a reset) is
 * planned by sync/plan-step as one `ReplicaChange`, which a store commits in one transaction: op, counter and outbox
 * together, the cursor only with the rows that it stands for.
 */

import type { Change } from '../core/change.ts';
import { type Hlc, zeroHlc } from '../core/clock.ts';
import type { DeviceId, Epoch, MemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import type { RejectionCode } from '../core/merge.ts';
import { emptyStateHash, type StateHash } from '../core/state-hash.ts';

/** An op that waits until the device has seen the event that it became (SYN-13). */
export interface OutboxOp {
  readonly counter: number;
  /** The cursor when it was written: what its device had seen. */
  readonly base: number;
  readonly hlc: Hlc;
  readonly memoryId: MemoryId;
  readonly change: Change;
  /**
   * Its dot before the device took another id, or the log another lineage: if the log holds that event, the op is in it
   * already. Such an op is not pushed until the log was seen up to the head and the server asked, and loses its origin then.
   */
  readonly origin?: { readonly device: DeviceId; readonly counter: number };
}

/** An op that the server could not apply: kept for its user until it is dismissed, since the log has no copy of its content. */
export interface RejectedOp {
  readonly seq: number;
  readonly code: RejectionCode;
  readonly op: OutboxOp;
}

/** Why the device takes in a snapshot while it holds rows of before. */
export interface Resync {
  /**
   * expired: the log goes on, the device was away too long. repair: the state hash differed. lineage: the server went on from
   * an earlier state, and what it lost is offered again.
   */
  readonly reason: 'expired' | 'repair' | 'lineage';
  /** Of `lineage`: the newest seq that both lineages share; null when nobody knows. */
  readonly shared: number | null;
}

/** The one record beside rows and outbox. */
export interface ReplicaMeta {
  /** Goes up by one with every commit: whoever holds a copy sees whether it missed one. */
  readonly version: number;
  /** The version of the last commit that changed rows. */
  readonly rowsVersion: number;
  readonly device: DeviceId;
  readonly epoch: Epoch | null;
  readonly cursor: number;
  /** The counter of the newest op. */
  readonly lastCounter: number;
  /** The greatest own counter whose event was seen. */
  readonly acked: number;
  readonly clock: Hlc;
  /** Of the rows. */
  readonly stateHash: StateHash;
  readonly resync: Resync | null;
  /** How far a snapshot was taken in: the head at which it began, and the last id (null: nothing yet). */
  readonly snapshot: { readonly at: number; readonly after: MemoryId | null } | null;
  /** Other databases whose content was brought in: the key that comes next, or `done`. */
  readonly adopted: Readonly<Record<string, { readonly after: string | null; readonly done: boolean }>>;
}

export interface ReplicaContents {
  readonly meta: ReplicaMeta;
  /** The server's rows as of the cursor, deleted ones included. */
  readonly rows: readonly Memory[];
  /** By counter, oldest first. */
  readonly outbox: readonly OutboxOp[];
  readonly rejected: readonly RejectedOp[];
}

/** What is absent stays as it is. */
export interface ReplicaChange {
  /** As it stands afterwards. `version` and `rowsVersion` are set by whoever commits. */
  readonly meta: ReplicaMeta;
  readonly rows?: readonly Memory[];
  readonly removed?: readonly MemoryId[];
  /** Ops that join the outbox, after all others. */
  readonly added?: readonly OutboxOp[];
  /** Counters of ops that leave it. */
  readonly settled?: readonly number[];
  /** The whole outbox anew, in place of `added` and `settled`. */
  readonly outbox?: readonly OutboxOp[];
  readonly rejected?: readonly RejectedOp[];
  /** Seqs of rejected ops that their user has seen. */
  readonly dismissed?: readonly number[];
}

export function newReplicaMeta(device: DeviceId): ReplicaMeta {
  return {
    version: 0,
    rowsVersion: 0,
    device,
    epoch: null,
    cursor: 0,
    lastCounter: 0,
    acked: 0,
    clock: zeroHlc,
    stateHash: emptyStateHash,
    resync: null,
    snapshot: null,
    adopted: {},
  };
}
