/** Breaks something in the database by hand, after the load: a soak that does not find it is worth nothing. */
import pg from 'pg';
import type { Sabotage } from './options.ts';

/** The newest event of the user who has the most: one that is surely acknowledged. */
const statements: Readonly<Record<Sabotage, string>> = {
  // As a server would lose it that had said "written" before it was: event, row and head are those of before.
  drop: `with victim as (
      select e.user_id, e.seq, e.memory_id from events e
        join memories m on m.user_id = e.user_id and m.id = e.memory_id and m.seq = e.seq
        where e.prev_seq = 0 order by e.seq desc limit 1
    ), event as (delete from events e using victim v where e.user_id = v.user_id and e.seq = v.seq)
    delete from memories m using victim v where m.user_id = v.user_id and m.id = v.memory_id`,
  alter: `update memories m set content = content || '!' from (
      select user_id, id from memories where not deleted order by seq desc limit 1
    ) v where m.user_id = v.user_id and m.id = v.id`,
};

export async function sabotage(databaseUrl: string, how: Sabotage): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  const { rowCount } = await client.query(statements[how]).finally(() => client.end());
  if (rowCount !== 1) throw new Error(`the sabotage changed ${rowCount} rows`);
}
