/** The database that the configuration names. */
import { readdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { Config } from '../config.ts';
import type { Database } from '../infra/database.ts';
import { openEmbedded } from '../infra/embedded.ts';
import { migrate } from '../infra/migrate.ts';
import { openPostgres, type PostgresOptions } from '../infra/postgres.ts';
import { waitForDatabase } from '../infra/wait-for-database.ts';
import { migrationsFolder } from '../package.ts';
import type { Log } from './log.ts';

export interface DatabaseWatch {
  /** The embedded database is broken for good in this process: a new one is needed. */
  readonly onBroken?: (error: Error) => void;
  /** How long a use waited for a connection of the pool, ms. */
  readonly onAcquired?: (ms: number) => void;
}

export function openDatabase(config: Config, { onBroken, onAcquired }: DatabaseWatch = {}): Promise<Database> {
  const options = postgresOptions(config);
  if (options !== null) return openPostgres({ ...options, ...(onAcquired !== undefined && { onAcquired }) });
  const rowSecurity = config.rowLevelSecurity === 'on';
  return openEmbedded({ dataDir: config.dataDir, rowSecurity, ...(onBroken !== undefined && { onBroken }) });
}

/** Null: the database is embedded. */
export function postgresOptions(config: Config): PostgresOptions | null {
  if (config.databaseUrl === null) return null;
  return {
    url: config.databaseUrl,
    poolSize: config.databasePoolSize,
    connectTimeoutMs: config.databaseConnectTimeoutMs,
    waitingLimit: config.databaseWaitingLimit,
    statementTimeoutMs: config.databaseStatementTimeoutMs,
    pooler: config.databasePooler,
    rowSecurity: config.rowLevelSecurity === 'on',
  };
}

/** One connection past any pooler, as the owner of the tables, whose statements may take as long as they need. */
export function openMaintenance(url: string): Promise<Database> {
  return openPostgres({ url, poolSize: 1, statementTimeoutMs: 0, applicationName: 'aibrain-maintenance' });
}

/** @returns the names of the migrations that were applied. */
export async function migrateDirectly(db: Database, { databaseDirectUrl }: Config): Promise<readonly string[]> {
  if (db.engine === 'pglite' || databaseDirectUrl === null) return await migrate(db, migrationsFolder);
  const direct = await openMaintenance(databaseDirectUrl);
  try {
    return await migrate(direct, migrationsFolder);
  } finally {
    await direct.close();
  }
}

/** The embedded one is here or broken; nothing is to be waited for. */
export function awaitDatabase(config: Config, log: Log, watch: DatabaseWatch): Promise<Database> {
  const open = (): Promise<Database> => openDatabase(config, watch);
  if (config.databaseUrl === null) return open();
  const { databaseWaitSeconds } = config;
  return waitForDatabase(open, {
    waitMs: databaseWaitSeconds * 1_000,
    stopwatch: () => performance.now(),
    sleep: (ms) => wait(ms),
    onWait: (error) => log.warn({ err: error, databaseWaitSeconds }, 'the database does not answer; the start waits for it'),
  });
}

/** Of the newest migration that this server knows. */
export const readSchemaVersion = (): number => readdirSync(migrationsFolder).filter((file) => file.endsWith('.sql')).length;
