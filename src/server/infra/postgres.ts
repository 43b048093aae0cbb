/** The Database on PostgreSQL: a pool of connections through pg. */
import pg from 'pg';
import { type Database, DatabaseBusy, DatabaseUnavailable, type Transaction, type TransactionOptions } from './database.ts';
import { toDatabaseFailure } from './postgres-errors.ts';
import { answerTimeoutMs, createQuery, type Lend, type QueryOptions } from './postgres-query.ts';
import { createPlannerSettings, type Pooler, sessionOptions } from './postgres-session.ts';
import { assertCommitted, beginStatement, refuseEnded } from './sql-transaction.ts';
import { valueParserByOid } from './sql-values.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database?sslmode=…` */
  readonly url: string;
  /** Connections at most. Default 10. */
  readonly poolSize?: number;
  /** How long to wait for a connection, new or pooled. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** So many may wait for one; past it DatabaseBusy. Default: any number. */
  readonly waitingLimit?: number;
  /** Ends a statement that runs longer; 0: never. Default 30,000. */
  readonly statementTimeoutMs?: number;
  /** What stands between, if anything does. Default none. */
  readonly pooler?: Pooler;
  /** The second fence (SEC-15): statements see the rows of their users alone. Default false. */
  readonly rowSecurity?: boolean;
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string;
  /** Told how long each use waited for a connection of the pool, ms. */
  readonly onAcquired?: (ms: number) => void;
}

const idleInTransactionTimeoutMs = 60_000;

const textOf = (text: string): string => text;
const types: pg.CustomTypesConfig = { getTypeParser: (oid: number) => valueParserByOid.get(oid) ?? textOf };

/** @throws DatabaseUnavailable when there is no server to talk to. */
export async function openPostgres(options: PostgresOptions): Promise<Database> {
  const { pooler = 'none', rowSecurity = false, statementTimeoutMs: timeoutMs = 30_000 } = options;
  const pool = createPool(options, timeoutMs);
  const lend = <T>(use: (client: pg.PoolClient) => Promise<T>): Promise<T> => withClient(pool, options, use);
  let closing: Promise<void> | undefined;
  const how: QueryOptions = { pooler, rowSecurity, timeoutMs };
  const onPool = createQuery(lend, how);
  try {
    const [row] = await onPool.query<{ version: string }>("select current_setting('server_version') as version");
    const { host, port, database } = new pg.Client({ connectionString: options.url });
    return {
      ...onPool,
      engine: 'postgresql',
      description: `PostgreSQL ${row?.version.split(' ')[0]} at ${host}:${port}/${database}`,
      transaction: (work, options = {}) => lend((client) => inTransaction(client, work, options, how)),
      poolState: () => ({
        size: pool.options.max,
        open: pool.totalCount,
        idle: pool.idleCount,
        waiting: pool.waitingCount,
      }),
      close: () => (closing ??= pool.end()),
    };
  } catch (error) {
    await pool.end();
    throw error;
  }
}

function createPool(options: PostgresOptions, timeoutMs: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    query_timeout: answerTimeoutMs(timeoutMs),
    application_name: options.applicationName ?? 'aibrain',
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    types,
    // A pooler's connection is another one in each transaction: it refuses what is said at the start.
    ...((options.pooler ?? 'none') === 'none' && {
      statement_timeout: timeoutMs,
      idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
      options: sessionOptions,
    }),
  });
  // A connection that breaks emits 'error'; unheard it would end the process. The pool drops it, and whoever uses it gets
  // the rejection of its own query.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** pool.query would close the connection after every failed statement; this one only when the connection is at fault. */
async function withClient<T>(
  pool: pg.Pool,
  { waitingLimit = Number.POSITIVE_INFINITY, onAcquired }: PostgresOptions,
  use: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  if (pool.waitingCount >= waitingLimit) throw new DatabaseBusy(`${waitingLimit} wait for a connection already`);
  const askedAt = performance.now();
  const client = await pool.connect().catch(rethrowFailure);
  onAcquired?.(performance.now() - askedAt);
  let isBroken = false;
  try {
    return await use(client);
  } catch (error) {
    const failure = toDatabaseFailure(error);
    isBroken = failure instanceof DatabaseUnavailable;
    throw failure;
  } finally {
    client.release(isBroken);
  }
}

async function inTransaction<T>(
  client: pg.PoolClient,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
  how: QueryOptions,
): Promise<T> {
  let isOpen = true;
  const lend: Lend = (use) => (isOpen ? use(client).catch(rethrowFailure) : refuseEnded());
  const settings = how.pooler === 'none' ? [] : createPlannerSettings(idleInTransactionTimeoutMs);
  await client.query(beginStatement(options, how.timeoutMs, settings));
  let result: T;
  try {
    const timeoutMs = options.statementTimeoutMs ?? how.timeoutMs;
    result = await work(createQuery(lend, { ...how, timeoutMs, transaction: { everybody: options.everybody !== undefined } }));
  } catch (error) {
    isOpen = false;
    // A connection that is gone is closed, and the server rolls back; on one that hangs this would wait as long again.
    if (!(error instanceof DatabaseUnavailable)) await client.query('rollback');
    throw error;
  }
  isOpen = false;
  assertCommitted((await client.query('commit')).command);
  return result;
}

function rethrowFailure(error: unknown): never {
  throw toDatabaseFailure(error);
}
