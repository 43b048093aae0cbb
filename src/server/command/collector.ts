/**
 * When tombstones are collected (SYN-12): for a user whose device opens a session, once a day at most, one user after the
 * other behind everything else; and for everybody by `aibrain collect`.
 */
import { LRUCache } from 'lru-cache';
import type { UserId } from '../../core/ids.ts';
import type { Queryable } from '../infra/database.ts';
import { readTombstones } from '../project/tombstones.ts';
import type { GroupCommit } from './group-commit.ts';

export interface CollectorDeps {
  readonly db: Queryable;
  readonly append: Pick<GroupCommit, 'submit'>;
  /** Unix ms. */
  readonly now: () => number;
  readonly onCollected?: (collection: Collection) => void;
  /** A collection that failed: the next session of the user brings it again. */
  readonly onError: (error: unknown) => void;
}

export interface CollectorOptions {
  readonly tombstoneMs: number;
  readonly deviceExpiryMs: number;
}

/** What was collected of one user. */
export interface Collection {
  readonly events: number;
  readonly memories: number;
}

export interface Collector {
  /** Some time soon, unless it was done within a day. Never throws, and nobody waits for it. */
  soon(userId: UserId): void;
  /** Now, all there is. */
  collect(userId: UserId): Promise<Collection>;
  /** Resolves when nothing is under way; what waits is left to another day. */
  stop(): Promise<void>;
}

const everyMs = 86_400_000;
/** Users remembered, and users that wait: whoever is forgotten is looked at once too often. */
const maxUsers = 10_000;

export function createCollector(deps: CollectorDeps, options: CollectorOptions): Collector {
  const doneAt = new LRUCache<UserId, number>({ max: maxUsers });
  const waiting = new Set<UserId>();
  let running: Promise<void> | null = null;
  const collect = (userId: UserId): Promise<Collection> => collectAll(deps, options, userId);

  const run = async (): Promise<void> => {
    for (const userId of waiting) {
      waiting.delete(userId);
      try {
        await collect(userId);
      } catch (error) {
        doneAt.delete(userId);
        deps.onError(error);
      }
    }
    running = null;
  };

  return {
    soon(userId) {
      const last = doneAt.get(userId);
      if (waiting.size >= maxUsers || (last !== undefined && deps.now() - last < everyMs)) return;
      doneAt.set(userId, deps.now());
      waiting.add(userId);
      running ??= run();
    },
    collect,
    async stop() {
      waiting.clear();
      await running;
    },
  };
}

async function collectAll(deps: CollectorDeps, options: CollectorOptions, userId: UserId): Promise<Collection> {
  const { db, append, now } = deps;
  const filter = { userId, deletedBefore: now() - options.tombstoneMs, seenAfter: now() - options.deviceExpiryMs };
  const done = { events: 0, memories: 0 };
  // Mostly there is nothing: then the log's lane and its lock are left alone.
  let more = (await readTombstones(db, { ...filter, limit: 1 })).length > 0;
  while (more) {
    const result = await append.submit({ kind: 'collect', ...filter });
    if (result.kind !== 'collected' || result.count === 0) break;
    done.events += 1;
    done.memories += result.count;
    ({ more } = result);
  }
  if (done.events > 0) deps.onCollected?.(done);
  return done;
}
