/** A database that answers every question about the tables with an error of a given state. */
import type { Database } from '../../src/server/infra/database.ts';

/** Puts a view that fails in the place of every table. There is no way back. */
export async function breakTables(db: Database, sqlState: string): Promise<void> {
  await db.script(`
    create function fails() returns boolean language plpgsql volatile cost 0.0001
      as $$ begin raise exception 'as the test wants it' using errcode = '${sqlState}'; end $$;
  `);
  const tables = await db.query<{ name: string }>("select tablename as name from pg_tables where schemaname = 'public'");
  // One at a time: who holds a single lock waits for nobody, and the server goes on working beside this.
  for (const { name } of tables) {
    await db.script(`
      alter table "${name}" rename to "${name}_away";
      create view "${name}" as select * from "${name}_away" where fails();
    `);
  }
}
