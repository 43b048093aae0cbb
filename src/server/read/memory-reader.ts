/**
 * Single memories by id, read in groups: what is asked for in one turn of the event loop, or while statements are under way, is one
 * statement. A request alone waits for nothing; with many at once each costs the database and this process a fraction. What a group
 * finds was committed before its statement began, and so before any of its requests was answered.
 */
import { AsyncResource } from 'node:async_hooks';
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { type EmbeddedView, type EmbeddedViewRow, embeddedColumns, rowToEmbeddedView } from './memory-view.ts';

export interface MemoryReader {
  /** The memory as it stands, deleted or not; null when the user has none of this id. */
  read(userId: UserId, id: MemoryId): Promise<EmbeddedView | null>;
}

export interface MemoryReaderDeps {
  readonly db: Queryable;
  /** Of the server's own vectors. */
  readonly model: string;
  /** Each statement is about one user (LOG-8). Default: about all that ask. */
  readonly oneUser?: boolean;
}

/** Memories in one statement. */
const groupSize = 100;
/** Groups under way at a time: while the database works on one, the answers of the other are written. */
const groupsAtOnce = 2;

const ofUser: Statement = {
  name: 'read-memory-views-of-user',
  text: `select q.n::int as n, ${embeddedColumns('$1::uuid')}
    from unnest($2::uuid[]) with ordinality as q(id, n)
      join memories m on m.user_id = $1::uuid and m.id = q.id
      left join memory_accesses a on a.user_id = m.user_id and a.memory_id = m.id`,
};

const ofUsers: Statement = {
  name: 'read-memory-views-of-users',
  text: `select q.n::int as n, ${embeddedColumns('m.user_id')}
    from unnest($1::uuid[], $2::uuid[]) with ordinality as q(user_id, id, n)
      join memories m on m.user_id = q.user_id and m.id = q.id
      left join memory_accesses a on a.user_id = m.user_id and a.memory_id = m.id`,
};

interface Asked {
  readonly userId: UserId;
  readonly id: MemoryId;
  readonly resolve: (view: EmbeddedView | null) => void;
  readonly reject: (error: unknown) => void;
}

type NumberedRow = EmbeddedViewRow & { readonly n: number };

export function createMemoryReader({ db, model, oneUser = false }: MemoryReaderDeps): MemoryReader {
  const waiting: Asked[] = [];
  let underWay = 0;
  /** In the context of the first that waits, which is the one that a trace shows the statement in. */
  let begin: (() => void) | null = null;

  const query = (group: readonly Asked[]): Promise<readonly NumberedRow[]> => {
    const ids = group.map(({ id }) => id);
    if (oneUser) return db.query<NumberedRow>(ofUser, [group[0]?.userId, ids, model]);
    return db.query<NumberedRow>(ofUsers, [group.map(({ userId }) => userId), ids, model]);
  };
  const readGroup = async (group: readonly Asked[]): Promise<void> => {
    underWay++;
    try {
      const views = new Map((await query(group)).map((row) => [row.n, rowToEmbeddedView(row)]));
      for (const [index, { resolve }] of group.entries()) resolve(views.get(index + 1) ?? null);
    } catch (error) {
      for (const { reject } of group) reject(error);
    } finally {
      underWay--;
      begin?.();
    }
  };
  const beginGroups = (): void => {
    while (waiting.length > 0 && underWay < groupsAtOnce) void readGroup(takeGroup(waiting, oneUser));
    if (waiting.length === 0) begin = null;
  };
  return {
    read: (userId, id) =>
      new Promise((resolve, reject) => {
        waiting.push({ userId, id, resolve, reject });
        if (begin !== null) return;
        begin = AsyncResource.bind(beginGroups);
        if (underWay < groupsAtOnce) setImmediate(begin);
      }),
  };
}

/** Those that came first; where a statement is about one user, the first one's. */
function takeGroup(waiting: Asked[], oneUser: boolean): readonly Asked[] {
  if (!oneUser) return waiting.splice(0, groupSize);
  const [first] = waiting;
  const group: Asked[] = [];
  const others: Asked[] = [];
  for (const asked of waiting) (asked.userId === first?.userId && group.length < groupSize ? group : others).push(asked);
  waiting.splice(0, waiting.length, ...others);
  return group;
}
