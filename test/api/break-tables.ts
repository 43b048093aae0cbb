/** A database that answers every question about the tables with an error of a given state. */
import type { Database } from '../../src/server/infra/database.ts';

/** Puts a view that fails in the place of every table. There is no way back. */
export async function breakTables(db: Database, sqlState: string): Promise<void> {
  const tables = await db.query<{ name: string }>("select tablename as name from pg_tables where schemaname = 'public'");
  const steps = tables.map(
    ({ name }) =>
      `alter table "${name}" rename to "${name}_away"; create view "${name}" as select * from "${name}_away" where fails();`,
  );
  await db.script(`
    create function fails() returns boolean language plpgsql volatile cost 0.0001
      as $$ begin raise exception 'as the test wants it' using errcode = '${sqlState}'; end $$;
    ${steps.join('\n')}
  `);
}
