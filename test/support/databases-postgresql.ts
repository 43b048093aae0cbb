/** Databases cloned from a migrated template database, which is made once per state of the migrations. */
import { randomBytes } from 'node:crypto';
import type { Database } from '../../src/server/infra/database.ts';
import { migrate } from '../../src/server/infra/migrate.ts';
import { openPostgres } from '../../src/server/infra/postgres.ts';
import { migrationsFolder, migrationsKey } from './migrations.ts';
import { recorded } from './recorded-database.ts';
import type { TestDatabase } from './test-database.ts';
import { testMode } from './test-mode.ts';

// Any number will do, if it is always the same one.
const templateLock = 4_717_325;

/** @param url may lead through a pooler (TEST_DATABASE_POOLER); then TEST_DATABASE_DIRECT_URL leads to the same server without. */
export async function openTestClone(url: string, isEmpty: boolean): Promise<TestDatabase> {
  const adminUrl = testMode.directUrl ?? url;
  const admin = await openPostgres({ url: adminUrl, poolSize: 1 });
  try {
    const template = isEmpty ? 'template0' : await ensureTemplate(admin, adminUrl);
    const name = `aibrain_test_${process.pid}_${randomBytes(4).toString('hex')}`;
    await admin.script(`create database ${name} template ${template}`);
    const place = withDatabase(url, name);
    const options = { url: place, pooler: testMode.pooler };
    const db = await openPostgres(options);
    const fenced = testMode.rowSecurity && !isEmpty ? await openPostgres({ ...options, rowSecurity: true }) : db;
    return {
      db: recorded(db),
      fenced: recorded(fenced),
      place,
      ...(testMode.directUrl !== undefined && { directPlace: withDatabase(testMode.directUrl, name) }),
      async [Symbol.asyncDispose]() {
        await db.close();
        await fenced.close();
        await admin.script(`drop database ${name} with (force)`);
        await admin.close();
      },
    };
  } catch (error) {
    await admin.close();
    throw error;
  }
}

/** Renamed when complete, so a template that is there is whole. */
async function ensureTemplate(admin: Database, adminUrl: string): Promise<string> {
  const name = `aibrain_template_${migrationsKey()}`;
  if (await exists(admin, name)) return name;
  // A session lock: the pool has one connection. `create database` cannot run in a transaction.
  await admin.query('select pg_advisory_lock($1::bigint)', [templateLock]);
  try {
    if (!(await exists(admin, name))) await makeTemplate(admin, adminUrl, name);
  } finally {
    await admin.query('select pg_advisory_unlock($1::bigint)', [templateLock]);
  }
  return name;
}

async function makeTemplate(admin: Database, adminUrl: string, name: string): Promise<void> {
  await admin.script(`drop database if exists ${name}_unfinished with (force)`);
  await admin.script(`create database ${name}_unfinished template template0`);
  const db = await openPostgres({ url: withDatabase(adminUrl, `${name}_unfinished`), poolSize: 1 });
  await migrate(db, migrationsFolder);
  await db.close();
  await admin.script(`alter database ${name}_unfinished rename to ${name}`);
}

async function exists(admin: Database, name: string): Promise<boolean> {
  return (await admin.query('select 1 from pg_database where datname = $1::text', [name])).length > 0;
}

function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
