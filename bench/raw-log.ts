/** The table of the raw log relay, and its group commit: one lane, what arrives during a flush is the next group. */
import { idFromBytes, type UserId } from '../src/core/ids.ts';
import type { Database } from '../src/server/infra/database.ts';

/** Ops of one statement. Larger ones gain nothing. */
const maxGroupOps = 2_000;

const insert = {
  name: 'raw_log_insert',
  text: 'insert into raw_log select * from unnest($1::uuid[], $2::bigint[], $3::bytea[])',
};
const page = {
  name: 'raw_log_page',
  text: 'select seq, bytes from raw_log where user_id = $1 and seq > $2 order by seq limit $3',
};
const last = { name: 'raw_log_head', text: 'select coalesce(max(seq), 0) as head from raw_log where user_id = $1' };

export interface RawLogUser {
  readonly id: UserId;
  /** The last seq that is committed. */
  head: number;
}

/** What one PUSH brings. `done` is called after the commit. */
export interface Appended {
  readonly user: RawLogUser;
  readonly ops: readonly Uint8Array[];
  readonly done: (firstSeq: number) => void;
}

export interface RawRow {
  readonly seq: number;
  readonly bytes: Buffer;
}

export interface RawLog {
  user(id: Uint8Array): Promise<RawLogUser>;
  append(push: Appended): void;
  read(user: RawLogUser, cursor: number, limit: number): Promise<readonly RawRow[]>;
}

export async function createRawLog(database: Database): Promise<RawLog> {
  await database.script('create table if not exists raw_log (user_id uuid, seq bigint, bytes bytea, primary key (user_id, seq))');
  const users = new Map<UserId, Promise<RawLogUser>>();
  const waiting: Appended[] = [];
  let isFlushing = false;

  const flushAll = async (): Promise<void> => {
    isFlushing = true;
    while (waiting.length > 0) await flush(database, takeGroup(waiting));
    isFlushing = false;
  };

  const load = async (id: UserId): Promise<RawLogUser> => {
    const [row] = await database.query<{ head: number }>(last, [id]);
    return { id, head: row?.head ?? 0 };
  };

  return {
    user: (bytes) => {
      const id = idFromBytes<UserId>(bytes);
      const user = users.get(id) ?? load(id);
      users.set(id, user);
      return user;
    },
    append: (push) => {
      waiting.push(push);
      if (!isFlushing) void flushAll();
    },
    read: (user, cursor, limit) => database.query<RawRow>(page, [user.id, cursor, limit]),
  };
}

function takeGroup(waiting: Appended[]): Appended[] {
  let ops = waiting[0]?.ops.length ?? 0;
  let count = 1;
  while (count < waiting.length && ops < maxGroupOps) ops += waiting[count++]?.ops.length ?? 0;
  return waiting.splice(0, count);
}

async function flush(database: Database, group: readonly Appended[]): Promise<void> {
  const headByUser = new Map<RawLogUser, number>();
  const userIds: UserId[] = [];
  const seqs: number[] = [];
  const firstSeqs = group.map(({ user, ops }) => {
    const head = headByUser.get(user) ?? user.head;
    headByUser.set(user, head + ops.length);
    for (let i = 1; i <= ops.length; i++) {
      userIds.push(user.id);
      seqs.push(head + i);
    }
    return head + 1;
  });
  await database.query(insert, [userIds, seqs, group.flatMap(({ ops }) => ops)]);
  for (const [user, head] of headByUser) user.head = head;
  for (const [index, { done }] of group.entries()) done(firstSeqs[index] ?? 0);
}
