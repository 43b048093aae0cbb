/**
 * What the last appends of this process left behind: heads, the memories touched lately, and the plans that are still on
 * their way to the database, so that a write needs no read before it and the next group can be planned while one is being
 * written. Nothing here has to be right for the log to be: an append is guarded by the hash of the head it was planned on,
 * and a wrong entry costs a second try.
 */
import { LRUCache } from 'lru-cache';
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { MemoryState } from '../../core/merge.ts';
import type { PlacedDot } from '../log/clock-at.ts';
import type { Head } from '../log/head.ts';
import type { FlatClock } from '../log/log-bytes.ts';
import type { UserPlan } from './user-plan.ts';

export interface CachedUser {
  readonly head: Head;
  /** Every dot after `dotsFrom`, oldest first. What is older is in the database. */
  readonly dots: readonly PlacedDot[];
  readonly dotsFrom: number;
  /** `heads(base)` of bases met lately: it never changes. */
  readonly clockByBase: ReadonlyMap<number, FlatClock>;
  /** Identity of this unbroken run of heads: a memory counts only in the run that it was kept in. */
  readonly run: object;
}

export interface AppendCacheLimits {
  readonly users: number;
  readonly memories: number;
  readonly dotsPerUser: number;
  readonly basesPerUser: number;
  /** A plan that touches more memories than this is an import or an offline replay: its memories are not kept. */
  readonly memoriesPerPlan: number;
}

export const defaultCacheLimits: AppendCacheLimits = {
  users: 10_000,
  memories: 20_000,
  dotsPerUser: 256,
  basesPerUser: 16,
  memoriesPerPlan: 64,
};

export interface AppendCache {
  user(userId: UserId): CachedUser | null;
  memory(userId: UserId, id: MemoryId): MemoryState | null;
  /** A head that was read from the database: begins a new run. */
  begin(head: Head): CachedUser;
  /** A plan that is about to be written: the next one may follow on it. */
  expect(plan: UserPlan): void;
  /** It was written. */
  settle(plan: UserPlan): void;
  /** It was not, or nobody knows. */
  forget(userId: UserId): void;
}

export function createAppendCache(limits: AppendCacheLimits = defaultCacheLimits): AppendCache {
  const users = new LRUCache<UserId, CachedUser>({ max: limits.users });
  const memories = new LRUCache<string, { readonly run: object; readonly state: MemoryState }>({ max: limits.memories });
  const expected = new Map<UserId, UserPlan[]>();
  const keyOf = (userId: UserId, id: MemoryId): string => userId + id;

  const keepMemories = (plan: UserPlan, run: object): void => {
    const isSmall = plan.states.size <= limits.memoriesPerPlan;
    for (const [id, state] of plan.states) {
      if (isSmall) memories.set(keyOf(plan.after.userId, id), { run, state });
      else memories.delete(keyOf(plan.after.userId, id));
    }
  };

  return {
    user: (userId) => users.get(userId) ?? null,
    memory(userId, id) {
      const planned = expected.get(userId)?.findLast((plan) => plan.states.has(id));
      if (planned !== undefined) return planned.states.get(id) ?? null;
      const kept = memories.get(keyOf(userId, id));
      return kept !== undefined && kept.run === users.get(userId)?.run ? kept.state : null;
    },
    begin(head) {
      expected.delete(head.userId);
      const user: CachedUser = { head, dots: [], dotsFrom: head.seq, clockByBase: new Map(), run: {} };
      users.set(head.userId, user);
      return user;
    },
    expect(plan) {
      const { userId } = plan.after;
      const user = users.get(userId);
      if (user?.head !== plan.before) return;
      const dots = [...user.dots, ...plan.events.map(({ device, counter, seq }) => ({ device, counter, seq }))];
      const clockByBase = new Map([...user.clockByBase, ...plan.clockByBase].slice(-limits.basesPerUser));
      users.set(userId, { ...user, head: plan.after, dots, clockByBase });
      expected.set(userId, [...(expected.get(userId) ?? []), plan]);
    },
    settle(plan) {
      const { userId } = plan.after;
      const plans = expected.get(userId) ?? [];
      const user = users.get(userId);
      // Its memories are only as good as the run of heads that they belong to.
      if (user === undefined || !plans.includes(plan)) return;
      const waiting = plans.filter((other) => other !== plan);
      if (waiting.length > 0) expected.set(userId, waiting);
      else expected.delete(userId);
      keepMemories(plan, user.run);
      const dotsFrom = Math.max(user.dotsFrom, Math.min(plan.after.seq, user.head.seq - limits.dotsPerUser));
      users.set(userId, { ...user, dotsFrom, dots: user.dots.slice(dotsFrom - user.dotsFrom) });
    },
    forget(userId) {
      users.delete(userId);
      expected.delete(userId);
    },
  };
}
