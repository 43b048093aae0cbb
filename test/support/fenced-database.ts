/** A database behind row-level security, on either engine, and a row of a user in every table that there is. */
import { rm } from 'node:fs/promises';
import type { Database } from '../../src/server/infra/database.ts';
import { openEmbedded } from '../../src/server/infra/embedded.ts';
import { type Engine, testDatabase } from './databases.ts';
import { createTestFolder } from './databases-pglite.ts';
import { migrationsKey } from './migrations.ts';
import { openFurther } from './open-postgres.ts';

export interface FencedDatabase extends AsyncDisposable {
  readonly db: Database;
}

export async function openFenced(engine: Engine): Promise<FencedDatabase> {
  if (engine === 'pglite') return await openFencedFolder();
  const place = await testDatabase('postgresql');
  const db = await openFurther(place, { rowSecurity: true });
  return {
    db,
    async [Symbol.asyncDispose]() {
      await db.close();
      await place[Symbol.asyncDispose]();
    },
  };
}

async function openFencedFolder(): Promise<FencedDatabase> {
  const dataDir = await createTestFolder(migrationsKey());
  const db = await openEmbedded({ dataDir, rowSecurity: true });
  return {
    db,
    async [Symbol.asyncDispose]() {
      await db.close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

const everybody = 'a test looks from outside';

/** By the catalogue, so that a table that comes later is not forgotten. */
export async function tablesOfUsers(db: Database): Promise<readonly string[]> {
  const rows = await db.query<{ name: string }>({
    text: `select c.relname::text as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'user_id'
      where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace order by 1`,
    everybody,
  });
  return rows.map(({ name }) => name);
}

/** One row in each, of values that follow from the types of the columns. Foreign keys are not looked at. */
export async function fillEveryTable(db: Database, userId: string): Promise<void> {
  const columns = await db.query<{ table: string; column: string; type: string }>({
    text: `select c.relname::text as table, a.attname::text as column, format_type(a.atttypid, a.atttypmod) as type
      from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and exists
        (select 1 from pg_attribute u where u.attrelid = c.oid and u.attname = 'user_id')
      order by 1, a.attnum`,
    everybody,
  });
  const byTable = groupByTable(columns);
  const inserts = Array.from(byTable, ([table, own]) => {
    const names = own.map(({ column }) => `"${column}"`).join(', ');
    const values = own.map(({ column, type }) => (column === 'user_id' ? `'${userId}'` : valueFor(type, userId))).join(', ');
    return `insert into "${table}" (${names}) values (${values});`;
  });
  // Only a superuser may; the databases of tests have no other.
  await db.script(`set session_replication_role = replica; ${inserts.join('\n')} set session_replication_role = origin;`);
}

function valueFor(type: string, userId: string): string {
  const fixed: Readonly<Record<string, string>> = {
    uuid: 'gen_random_uuid()',
    text: `'of ${userId}'`,
    bytea: "'\\x00'",
    boolean: 'false',
    jsonb: "'{}'",
    tsvector: "'word:1'",
    'timestamp with time zone': 'now()',
    'halfvec(1536)': 'array_fill(1::real, array[1536])::halfvec(1536)',
    'bit(1536)': "repeat('1', 1536)::bit(1536)",
  };
  if (type.endsWith('[]')) return "'{}'";
  return fixed[type] ?? '1';
}

function groupByTable<T extends { readonly table: string }>(rows: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) groups.set(row.table, [...(groups.get(row.table) ?? []), row]);
  return groups;
}
