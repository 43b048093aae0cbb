/** Brings the schema up to date: numbered `NNNN-name.sql` files, forward only, each in a transaction of its own. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, DatabaseError, type Transaction } from './database.ts';

/** A newer version of the server has used this database. */
export class SchemaTooNew extends Error {
  override readonly name = 'SchemaTooNew';

  constructor(found: number, known: number) {
    super(`the database has schema ${found}, this server knows ${known}: start the newer server, or restore an older backup`);
  }
}

/** A migration that was applied is not the file of the same number any more. */
export class MigrationChanged extends Error {
  override readonly name = 'MigrationChanged';

  constructor(applied: string, file: string | undefined) {
    super(
      `migration ${applied} was applied to this database, and ${file === undefined ? 'its file is gone' : `${file} is not the same any more`}: ` +
        'bring the file back, and put changes into a new one',
    );
  }
}

interface Migration {
  readonly version: number;
  /** The file's name without `.sql`. */
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

type Applied = Pick<Migration, 'version' | 'name' | 'checksum'>;

// Any number will do, if it is always the same one.
const advisoryLock = 4_717_324;

/**
 * Applies what is missing and returns the names. Of servers that start at once each file is run by one, the others wait.
 *
 * @throws SchemaTooNew, MigrationChanged
 */
export async function migrate(db: Database, folder: string): Promise<readonly string[]> {
  const migrations = await readMigrations(folder);
  const applied: string[] = [];
  for (;;) {
    const name = await db.transaction((tx) => applyNext(tx, migrations), {
      statementTimeoutMs: 0,
      everybody: 'tables are made by their owner',
    });
    if (name === undefined) return applied;
    applied.push(name);
  }
}

async function applyNext(tx: Transaction, migrations: readonly Migration[]): Promise<string | undefined> {
  await tx.query('select pg_advisory_xact_lock($1::bigint)', [advisoryLock]);
  const applied = await readApplied(tx);
  assertSameHistory(applied, migrations);
  const next = migrations[applied.length];
  if (next === undefined) return undefined;
  await runScript(tx, next);
  await tx.query(
    'insert into schema_migrations (version, name, checksum, applied_at) values ($1::int, $2::text, $3::text, now())',
    [next.version, next.name, next.checksum],
  );
  return next.name;
}

// Created under the lock: two `create table if not exists` at once can both try, and one fails.
async function readApplied(tx: Transaction): Promise<readonly Applied[]> {
  await tx.query(`
    create table if not exists schema_migrations (
      version int primary key,
      name text not null,
      checksum text not null,
      applied_at timestamptz not null
    )`);
  return await tx.query<Applied>('select version, name, checksum from schema_migrations order by version');
}

function assertSameHistory(applied: readonly Applied[], migrations: readonly Migration[]): void {
  const newest = applied.at(-1)?.version ?? 0;
  if (newest > migrations.length) throw new SchemaTooNew(newest, migrations.length);
  applied.forEach((row, index) => {
    const file = migrations[index];
    if (file?.version !== row.version || file.checksum !== row.checksum) throw new MigrationChanged(row.name, file?.name);
  });
}

async function runScript(tx: Transaction, { name, sql }: Migration): Promise<void> {
  try {
    await tx.script(sql);
  } catch (error) {
    if (error instanceof DatabaseError) throw new DatabaseError(error.sqlState, `migration ${name}: ${error.message}`);
    throw error;
  }
}

/** In order, numbered 1, 2, 3 … without a gap. */
async function readMigrations(folder: string): Promise<readonly Migration[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort();
  return await Promise.all(
    files.map(async (file, index) => {
      const version = index + 1;
      if (!file.startsWith(`${String(version).padStart(4, '0')}-`)) {
        throw new Error(`${join(folder, file)} should be number ${version}: migrations are numbered without gaps`);
      }
      // Git may check text files out with CRLF.
      const sql = (await readFile(join(folder, file), 'utf8')).replaceAll('\r\n', '\n');
      return { version, name: file.slice(0, -'.sql'.length), sql, checksum: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}
