/** Everybody who has a log, for whoever looks after the whole store. */
import type { UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';

const statement: Statement = {
  name: 'read-user-ids',
  text: 'select user_id from user_heads where $1::uuid is null or user_id > $1::uuid order by user_id limit 1000',
  everybody: 'walks the whole store, for whoever looks after it',
};

export async function* readUserIds(db: Queryable): AsyncGenerator<UserId> {
  for (let after: UserId | null = null; ; ) {
    const page: readonly { user_id: UserId }[] = await db.query<{ user_id: UserId }>(statement, [after]);
    for (const row of page) yield row.user_id;
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.user_id;
  }
}
