/**
 * Counts of reads (LOG-7): statistics, gathered here and added to `memory_accesses` in the background, so that a read never
 * writes. A crash loses the reads of one interval.
 */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';

export interface AccessCountDeps {
  readonly db: Queryable;
  /** Unix ms. */
  readonly now: () => number;
  /** A flush that failed; its counts are tried again with the next. */
  readonly onError: (error: unknown) => void;
  /** Each statement is about one user (docs/decisions/0014). Default: about all who read. */
  readonly oneUser?: boolean;
}

export interface AccessCounts {
  count(userId: UserId, id: MemoryId): void;
  /** Counted here and not written yet. */
  pending(userId: UserId, id: MemoryId): number;
  flush(): Promise<void>;
  /** Flushes what is left. */
  stop(): Promise<void>;
}

interface Entry {
  readonly userId: UserId;
  readonly id: MemoryId;
  count: number;
  lastMs: number;
}

/** Memories counted before a flush comes early. */
const maxEntries = 10_000;

/** Rows of users and memories in key order: two servers that flush at once never wait for each other in a circle. */
const addStatement: Statement = {
  name: 'add-accesses',
  text: `insert into memory_accesses as a (user_id, memory_id, count, last_ms)
    select n.user_id, n.memory_id, n.count, n.last_ms
      from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[]) as n(user_id, memory_id, count, last_ms)
      join users u on u.user_id = n.user_id order by n.user_id, n.memory_id
    on conflict (user_id, memory_id) do update set count = a.count + excluded.count, last_ms = greatest(a.last_ms, excluded.last_ms)`,
};

const addOfUserStatement: Statement = {
  name: 'add-accesses-of-user',
  text: `insert into memory_accesses as a (user_id, memory_id, count, last_ms)
    select $1::uuid, n.memory_id, n.count, n.last_ms from unnest($2::uuid[], $3::bigint[], $4::bigint[]) as n(memory_id, count, last_ms)
      where exists (select 1 from users u where u.user_id = $1::uuid) order by n.memory_id
    on conflict (user_id, memory_id) do update set count = a.count + excluded.count, last_ms = greatest(a.last_ms, excluded.last_ms)`,
};

export function startAccessCounts({ db, now, onError, oneUser = false }: AccessCountDeps, flushEveryMs = 1_000): AccessCounts {
  let gathering = new Map<string, Entry>();
  let writing = new Map<string, Entry>();
  let running: Promise<void> = Promise.resolve();
  const keyOf = (userId: UserId, id: MemoryId): string => userId + id;
  const add = (entry: Entry): void => {
    const before = gathering.get(keyOf(entry.userId, entry.id));
    if (before === undefined) gathering.set(keyOf(entry.userId, entry.id), entry);
    else Object.assign(before, { count: before.count + entry.count, lastMs: Math.max(before.lastMs, entry.lastMs) });
  };
  const write = async (): Promise<void> => {
    if (gathering.size === 0) return;
    [writing, gathering] = [gathering, new Map()];
    try {
      // What was written goes, so that a later failure does not count it again.
      for (const entries of oneUser ? byUser(writing) : [[...writing.values()]]) {
        await (oneUser ? addAccessesOfUser : addAccesses)(db, entries);
        for (const { userId, id } of entries) writing.delete(keyOf(userId, id));
      }
    } catch (error) {
      for (const entry of writing.values()) add(entry);
      onError(error);
    } finally {
      writing = new Map();
    }
  };
  const flush = (): Promise<void> => {
    running = running.then(write);
    return running;
  };
  const timer = setInterval(() => void flush(), flushEveryMs).unref();
  return {
    count(userId, id) {
      add({ userId, id, count: 1, lastMs: now() });
      if (gathering.size === maxEntries) void flush();
    },
    pending: (userId, id) => (gathering.get(keyOf(userId, id))?.count ?? 0) + (writing.get(keyOf(userId, id))?.count ?? 0),
    flush,
    async stop() {
      clearInterval(timer);
      await flush();
    },
  };
}

function byUser(entries: ReadonlyMap<string, Entry>): readonly (readonly Entry[])[] {
  const groups = new Map<UserId, Entry[]>();
  for (const entry of entries.values()) groups.set(entry.userId, [...(groups.get(entry.userId) ?? []), entry]);
  return [...groups.values()];
}

async function addAccessesOfUser(db: Queryable, entries: readonly Entry[]): Promise<void> {
  const column = <T>(value: (entry: Entry) => T): T[] => entries.map(value);
  await db.query(addOfUserStatement, [entries[0]?.userId, column((e) => e.id), column((e) => e.count), column((e) => e.lastMs)]);
}

async function addAccesses(db: Queryable, entries: readonly Entry[]): Promise<void> {
  const column = <T>(value: (entry: Entry) => T): T[] => entries.map(value);
  await db.query(addStatement, [column((e) => e.userId), column((e) => e.id), column((e) => e.count), column((e) => e.lastMs)]);
}
