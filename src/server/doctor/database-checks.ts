/** Each looks at one thing of an open database. */
import { randomUUID } from 'node:crypto';
import type { Database } from '../infra/database.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

export interface DatabaseContext {
  readonly schemaVersion: number;
  readonly poolSize: number;
  /** Unix ms. */
  readonly now: () => number;
}

export type DatabaseLook = (db: Database, context: DatabaseContext) => Promise<readonly Finding[]>;

/** halfvec came with it. */
const pgvectorFrom = [0, 7] as const;
const postgresFrom = 16;
/** A round trip that long is longer than a commit: the database is not near, ms. */
const farMs = 10;
/** Of a clock: from here it is worth a word, and from here on stamps of devices are clamped (MRG-6), ms. */
const [skewed, clamped] = [1_000, 60_000];

const lookAtVersion: DatabaseLook = async (db) => {
  const [row] = await db.query<{ version: number }>("select current_setting('server_version_num')::int as version");
  const major = Math.floor((row?.version ?? 0) / 10_000);
  if (major >= postgresFrom) return [];
  return [fail('database', `PostgreSQL ${major} is too old`, `upgrade to PostgreSQL ${postgresFrom} or newer`)];
};

const lookAtExtensions: DatabaseLook = async (db) => {
  const rows = await db.query<{ name: string; available: string; installed: string | null }>(
    `select name::text, default_version as available, installed_version as installed from pg_available_extensions
      where name in ('vector', 'btree_gin')`,
  );
  const byName = new Map(rows.map((row) => [row.name, row]));
  return ['vector', 'btree_gin'].map((name) => {
    const found = byName.get(name);
    const wanted = name === 'vector' ? 'pgvector' : name;
    if (found === undefined) {
      const fix =
        name === 'vector'
          ? 'install pgvector on the database server (Debian: postgresql-16-pgvector)'
          : 'install postgresql-contrib';
      return fail('extension', `${wanted} is not there`, fix);
    }
    const version = found.installed ?? found.available;
    if (name === 'vector' && isOlder(version, pgvectorFrom)) {
      const fix = 'install a newer pgvector, then `alter extension vector update`';
      return fail('extension', `pgvector ${version} has no halfvec: ${pgvectorFrom.join('.')} is needed`, fix);
    }
    return ok('extension', `${wanted} ${version}${found.installed === null ? ', put in by the first start' : ''}`);
  });
};

function isOlder(version: string, [major, minor]: readonly [number, number]): boolean {
  const [haveMajor = 0, haveMinor = 0] = version.split('.').map(Number);
  return haveMajor < major || (haveMajor === major && haveMinor < minor);
}

const lookAtSchema: DatabaseLook = async (db, { schemaVersion }) => {
  const found = await readSchemaVersion(db);
  if (found === schemaVersion) return [ok('migrations', `the schema is ${found}`)];
  if (found > schemaVersion) {
    const fix = 'start the newer server, or restore an older backup';
    return [fail('migrations', `the schema is ${found}, this server knows ${schemaVersion}`, fix)];
  }
  return [warn('migrations', `the schema is ${found} of ${schemaVersion}`, 'start a server: it brings the schema up to date')];
};

async function readSchemaVersion(db: Database): Promise<number> {
  const [table] = await db.query<{ is_there: boolean }>("select to_regclass('schema_migrations') is not null as is_there");
  if (table?.is_there !== true) return 0;
  const [row] = await db.query<{ version: number }>('select coalesce(max(version), 0)::int as version from schema_migrations');
  return row?.version ?? 0;
}

class RolledBack extends Error {}

/** A row that is written and taken back. Before the first start there is no table to write to, and making one is what it needs. */
const tryToWrite: DatabaseLook = async (db) => {
  const [state] = await db.query<{ is_read_only: boolean; has_tables: boolean }>(
    `select pg_is_in_recovery() or current_setting('transaction_read_only') = 'on' as is_read_only,
      to_regclass('accounts') is not null as has_tables`,
  );
  if (state?.is_read_only === true) {
    const fix = 'point DATABASE_URL at the primary, and see `default_transaction_read_only`';
    return [fail('write', 'the database is read-only', fix)];
  }
  try {
    await db.transaction(async (tx) => {
      if (state?.has_tables === true) {
        const id = randomUUID();
        await tx.query('insert into accounts (user_id, email) values ($1::uuid, $2::text)', [id, `doctor ${id}`]);
      } else await tx.query('create table aibrain_doctor (id int)');
      throw new RolledBack();
    });
  } catch (error) {
    if (!(error instanceof RolledBack)) throw error;
  }
  return [ok('write', 'a row was written and taken back')];
};

const lookAtSettings: DatabaseLook = async (db, { poolSize }) => {
  const rows = await db.query<{ name: string; setting: string }>(
    `select name::text, setting from pg_settings
      where name in ('fsync', 'full_page_writes', 'synchronous_commit', 'max_connections', 'superuser_reserved_connections')`,
  );
  const setting = new Map(rows.map((row) => [row.name, row.setting]));
  const found: Finding[] = [];
  for (const name of ['fsync', 'full_page_writes']) {
    if (setting.get(name) !== 'off') continue;
    found.push(fail('settings', `${name} is off: a crash of the machine can destroy the database`, `set ${name} = on`));
  }
  if (setting.get('synchronous_commit') === 'off') {
    const message = 'synchronous_commit is off: a crash loses writes that were acknowledged';
    found.push(fail('settings', message, 'set synchronous_commit = on; devices trust an ack'));
  }
  if (db.engine === 'postgresql') found.push(...lookAtConnections(setting, poolSize));
  return found.some(({ state }) => state === 'fail') ? found : [ok('settings', 'a commit is durable'), ...found];
};

function lookAtConnections(setting: ReadonlyMap<string, string>, poolSize: number): readonly Finding[] {
  const free = Number(setting.get('max_connections')) - Number(setting.get('superuser_reserved_connections') ?? 0);
  // Indexes of large users are built, and hints heard, on connections of their own.
  const wanted = poolSize + 2;
  const nodes = Math.floor(free / wanted);
  if (nodes === 0) {
    const fix = `set DATABASE_POOL_SIZE below ${free - 2}, or raise max_connections`;
    return [fail('connections', `${wanted} are wanted, the database gives ${free}`, fix)];
  }
  if (nodes > 1) return [ok('connections', `${wanted} of ${free}: enough for ${nodes} nodes`)];
  const fix = 'raise max_connections, lower DATABASE_POOL_SIZE, or put pgbouncer in between before a second node starts';
  return [warn('connections', `${wanted} of ${free}: enough for one node alone`, fix)];
}

const samples = 9;

const lookAtTimes: DatabaseLook = async (db, { now }) => {
  const trips: number[] = [];
  let skewMs = 0;
  for (let sample = 0; sample < samples; sample++) {
    const [startedAt, sentAt] = [performance.now(), now()];
    const [row] = await db.query<{ ms: number }>('select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms');
    const tookMs = performance.now() - startedAt;
    trips.push(tookMs);
    skewMs = (row?.ms ?? 0) - (sentAt + tookMs / 2);
  }
  // The shortest is the way alone; the others wait for what else the machine does.
  const shortest = Math.min(...trips);
  const shown = `a round trip takes ${shortest.toFixed(1)} ms`;
  const far = 'put server and database into one zone: every write waits for at least one round trip';
  return [shortest > farMs ? warn('round trip', shown, far) : ok('round trip', shown), toSkew(Math.round(skewMs))];
};

function toSkew(ms: number): Finding {
  const shown = `this clock and that of the database are ${Math.abs(ms)} ms apart`;
  const fix = 'let both machines keep time by NTP (chrony, systemd-timesyncd)';
  if (Math.abs(ms) >= clamped) return fail('clock', shown, fix);
  return Math.abs(ms) >= skewed ? warn('clock', shown, fix) : ok('clock', shown);
}

export const databaseChecks: readonly DatabaseLook[] = [
  lookAtVersion,
  lookAtExtensions,
  lookAtSchema,
  tryToWrite,
  lookAtSettings,
  lookAtTimes,
];
