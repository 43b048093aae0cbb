/**
 * What the last append of this process left behind: heads, and the memories touched lately, so that a write needs no read
 * before it. Nothing here has to be right: the append is guarded by the head's seq, and a wrong entry costs a second try.
 * A memory counts only while its head has been followed without a break since it was kept.
 */
import { LRUCache } from 'lru-cache';
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { MemoryState } from '../../core/merge.ts';
import type { PlacedDot } from '../log/clock-at.ts';
import type { Head } from '../log/head.ts';
import type { UserPlan } from './user-plan.ts';

export interface CachedUser {
  readonly head: Head;
  /** The newest dots of the log, oldest first; they reach back to `dotsFrom + 1`. */
  readonly dots: readonly PlacedDot[];
  readonly dotsFrom: number;
  /** Identity of this unbroken run of heads. */
  readonly run: object;
}

export interface AppendCacheLimits {
  readonly users: number;
  readonly memories: number;
  readonly dotsPerUser: number;
  /** A plan that touches more memories than this is an import or an offline replay: its memories are not kept. */
  readonly memoriesPerPlan: number;
}

export const defaultCacheLimits: AppendCacheLimits = { users: 10_000, memories: 20_000, dotsPerUser: 256, memoriesPerPlan: 64 };

export interface AppendCache {
  user(userId: UserId): CachedUser | null;
  memory(userId: UserId, id: MemoryId): MemoryState | null;
  /** A head that was read from the database: begins a new run. */
  begin(head: Head): CachedUser;
  /** A plan that was written: goes on with the run. */
  advance(plan: UserPlan): void;
  forget(userId: UserId): void;
}

export function createAppendCache(limits: AppendCacheLimits = defaultCacheLimits): AppendCache {
  const users = new LRUCache<UserId, CachedUser>({ max: limits.users });
  const memories = new LRUCache<string, { readonly run: object; readonly state: MemoryState }>({ max: limits.memories });
  const keyOf = (userId: UserId, id: MemoryId): string => userId + id;
  return {
    user: (userId) => users.get(userId) ?? null,
    memory(userId, id) {
      const kept = memories.get(keyOf(userId, id));
      return kept !== undefined && kept.run === users.get(userId)?.run ? kept.state : null;
    },
    begin(head) {
      const user: CachedUser = { head, dots: [], dotsFrom: head.seq, run: {} };
      users.set(head.userId, user);
      return user;
    },
    advance(plan) {
      const userId = plan.after.userId;
      const before = users.get(userId);
      const run = before?.head.seq === plan.before.seq ? before.run : {};
      const dots = [...(before?.run === run ? before.dots : []), ...plan.events.slice(-limits.dotsPerUser)].slice(-limits.dotsPerUser);
      const kept = dots.map(({ device, counter, seq }) => ({ device, counter, seq }));
      users.set(userId, { head: plan.after, dots: kept, dotsFrom: plan.after.seq - kept.length, run });
      const keeps = plan.states.size <= limits.memoriesPerPlan;
      for (const [id, state] of plan.states) {
        if (keeps) memories.set(keyOf(userId, id), { run, state });
        else memories.delete(keyOf(userId, id));
      }
    },
    forget: (userId) => void users.delete(userId),
  };
}
