/** The one write path (LOG-7) with its commits announced: what every edge gets to write through. */
import { concatBytes } from '../../protocol/message-pack.ts';
import type { Hub } from '../fanout/hub.ts';
import type { Database } from '../infra/database.ts';
import { createAppendCache } from './append-cache.ts';
import { createGroupCommit, type GroupCommit, type GroupCommitDeps, type GroupCommitLimits } from './group-commit.ts';
import type { PlanTally, UserPlan } from './user-plan.ts';

export interface AppendDeps {
  readonly db: Database;
  readonly hub: Hub;
  /** Unix ms. */
  readonly now: () => number;
  readonly watch?: AppendWatch;
}

/** Whoever counts or traces what is appended. */
export interface AppendWatch extends Pick<GroupCommitDeps, 'onGroup' | 'around'> {
  /** Of one user's plan that was committed. */
  readonly onTally: (tally: PlanTally) => void;
}

export interface AppendOptions {
  /** Whether a statement may be about many users (default), or is about one, as Citus needs it. */
  readonly statements?: 'users' | 'user';
  readonly limits?: GroupCommitLimits;
}

export function createAppend(
  { db, hub, now, watch }: AppendDeps,
  { statements = 'users', limits }: AppendOptions = {},
): GroupCommit {
  const onCommitted = (plan: UserPlan): void => {
    watch?.onTally(plan.tally);
    hub.publish(toCommitted(plan));
  };
  const oneUser = statements === 'user';
  return createGroupCommit({ db, now, cache: createAppendCache(), onCommitted, oneUser, ...watch }, limits);
}

function toCommitted(plan: UserPlan) {
  return {
    userId: plan.after.userId,
    from: plan.before.seq,
    to: plan.after.seq,
    count: plan.events.length,
    events: concatBytes(plan.events.map((event) => event.wire)),
    deviceByOrdinal: new Map([...plan.after.deviceByOrdinal].filter(([ordinal]) => plan.lastCounterByDevice.has(ordinal))),
    stateHash: plan.after.stateHash,
    lastCounterByDevice: plan.lastCounterByDevice,
  };
}
