/** What a deliberately wrong client or server does otherwise: wrapped around the injected parts, to prove that the oracles see it. */
import type { Client } from '../../src/client/client-api.ts';
import type { AppendRequest } from '../../src/server/command/append-request.ts';
import type { UserPlan } from '../../src/server/command/user-plan.ts';
import type { ReplicaChange } from '../../src/sync/replica-change.ts';
import type { DiskState } from './disk-state.ts';
import type { LogImage } from './log-image.ts';

export interface Mutant {
  /** A frame of a device, or of the server, as it goes on. */
  readonly up?: (frame: Uint8Array) => readonly Uint8Array[];
  readonly down?: (frame: Uint8Array) => readonly Uint8Array[];
  /** A change that the client plans wrongly. */
  readonly change?: (change: ReplicaChange, before: DiskState) => ReplicaChange;
  /** What the disk writes in place of a change. The client believes in the change. */
  readonly disk?: (change: ReplicaChange, before: DiskState) => ReplicaChange;
  /** What the server makes of the requests of a transaction, and of its plan. */
  readonly requests?: (requests: readonly AppendRequest[], image: LogImage) => readonly AppendRequest[];
  readonly plan?: (plan: UserPlan) => UserPlan;
  /** A server that does not look at the heads again by itself. */
  readonly isDeafToPolls?: true;
  /** What an app sees of the client. */
  readonly client?: (client: Client) => Client;
  /** What is on the disk when a tab was killed: the last commit is taken back. */
  readonly losesLastCommit?: true;
}
