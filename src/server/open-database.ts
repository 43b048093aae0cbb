/** The database that the configuration names. */
import type { Config } from './config.ts';
import type { Database } from './infra/database.ts';
import { openEmbedded } from './infra/embedded.ts';
import { migrate } from './infra/migrate.ts';
import { openPostgres, type PostgresOptions } from './infra/postgres.ts';
import { migrationsFolder } from './package.ts';

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
