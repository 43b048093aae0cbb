/** Whether the second fence (SEC-15) stands: a server that was told to keep it must not start without. */
import type { Queryable } from './database.ts';

/** ROW_LEVEL_SECURITY is on, and the database cannot keep it. */
export class NotFenced extends Error {
  override readonly name = 'NotFenced';
}

/** @throws NotFenced when a table has no policy, or the role of the server cannot be taken or is not bound by policies. */
export async function assertFenced(db: Queryable): Promise<void> {
  const [role] = await db.query<{ bypasses: boolean }>({
    text: "select rolbypassrls or rolsuper as bypasses from pg_roles where rolname = 'aibrain_app' and pg_has_role(oid, 'member')",
    everybody: 'reads the catalogue',
  });
  if (role === undefined) {
    throw new NotFenced(
      'ROW_LEVEL_SECURITY needs the role aibrain_app, granted to the user of DATABASE_URL: docs/SCALING.md says how',
    );
  }
  if (role.bypasses) throw new NotFenced('the role aibrain_app must not be a superuser and not have bypassrls');
  const open = await db.query<{ name: string }>({ text: openTables, everybody: 'reads the catalogue' });
  if (open.length > 0) {
    throw new NotFenced(`no row-level security on ${open.map(({ name }) => name).join(', ')}: select aibrain_fence_tables()`);
  }
}

const openTables = `select c.relname::text as name
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id' and not a.attisdropped
  where c.relkind in ('r', 'p') and c.relnamespace = current_schema()::regnamespace
    and (not c.relrowsecurity or not exists (select 1 from pg_policy p where p.polrelid = c.oid))
  order by 1`;
