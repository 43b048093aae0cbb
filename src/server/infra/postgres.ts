/** The Database on PostgreSQL: a pool of connections through pg. */
import { finished } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { type Database, DatabaseUnavailable, type Statement, type Transaction, type TransactionOptions } from './database.ts';
import { toDatabaseFailure } from './postgres-errors.ts';
import { createKysely, type StatementResult } from './sql-kysely.ts';
import { assertCommitted, beginStatement, refuseEnded } from './sql-transaction.ts';
import { valueParserByOid } from './sql-values.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database?sslmode=…` */
  readonly url: string;
  /** Connections at most. Default 10. */
  readonly poolSize?: number;
  /** How long to wait for a connection, new or pooled. Default 5,000. */
  readonly connectTimeoutMs?: number;
  /** Ends a statement that runs longer; 0: never. Default 30,000. */
  readonly statementTimeoutMs?: number;
  /** Shown in pg_stat_activity. */
  readonly applicationName?: string;
  /** Told how long each use waited for a connection of the pool, ms. */
  readonly onAcquired?: (ms: number) => void;
}

/** After the server's own time-out: how long its answer may take before the connection counts as dead. */
const answerGraceMs = 5_000;
const longestTimerMs = 2 ** 31 - 1;
const idleInTransactionTimeoutMs = 60_000;

/**
 * Every table is read by its key, user_id first. A plan that was cached while a table was small may scan the whole of it and
 * then does so until the next analyze: appends to a new database went from 0.9 to 2.5 ms within 6,000 rows.
 */
// The planner counts a sequential scan that it cannot avoid as 10^10, and would compile each such statement: 130 to 500 ms.
const sessionOptions = '-c enable_seqscan=off -c plan_cache_mode=force_generic_plan -c jit=off';

const textOf = (text: string): string => text;
const types: pg.CustomTypesConfig = { getTypeParser: (oid: number) => valueParserByOid.get(oid) ?? textOf };

/** @throws DatabaseUnavailable when there is no server to talk to. */
export async function openPostgres(options: PostgresOptions): Promise<Database> {
  const timeoutMs = options.statementTimeoutMs ?? 30_000;
  const pool = createPool(options, timeoutMs);
  let closing: Promise<void> | undefined;
  const onPool = createQuery((use) => withClient(pool, use, options.onAcquired), timeoutMs);
  try {
    const [row] = await onPool.query<{ server_version: string }>('show server_version');
    const { host, port, database } = new pg.Client({ connectionString: options.url });
    return {
      ...onPool,
      engine: 'postgresql',
      description: `PostgreSQL ${row?.server_version.split(' ')[0]} at ${host}:${port}/${database}`,
      transaction: (work, how = {}) =>
        withClient(pool, (client) => inTransaction(client, work, how, timeoutMs), options.onAcquired),
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
    statement_timeout: timeoutMs,
    query_timeout: answerTimeoutMs(timeoutMs),
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    application_name: options.applicationName ?? 'aibrain',
    options: sessionOptions,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    types,
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
  use: (client: pg.PoolClient) => Promise<T>,
  onAcquired?: (ms: number) => void,
): Promise<T> {
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

type Lend = <T>(use: (client: pg.ClientBase) => Promise<T>) => Promise<T>;

function createQuery(lend: Lend, timeoutMs: number): Transaction {
  const execute = <Row>(statement: Statement, params: readonly unknown[]): Promise<StatementResult<Row>> =>
    lend(async (client) => {
      const { rows, rowCount, command } = await client.query(toQueryConfig(statement, params, timeoutMs));
      return { rows, affectedRows: command === 'SELECT' ? 0 : (rowCount ?? 0) };
    });
  return {
    query: async <Row>(statement: Statement | string, params: readonly unknown[] = []) =>
      (await execute<Row>(typeof statement === 'string' ? { text: statement } : statement, params)).rows,
    copyIn: (text, stream) => lend((client) => finished(client.query(copyFrom(text)).end(stream))),
    script: (text) => lend(async (client) => void (await client.query(neverTimedOut(text)))),
    get kysely() {
      return createKysely((text, params) => execute({ text }, params));
    },
  };
}

interface QueryConfig extends pg.QueryConfig {
  /** How long this process waits for the answer, in ms. */
  readonly query_timeout: number;
  readonly queryMode?: 'extended';
}

// The extended protocol also without parameters: it refuses several statements in one text, as PGlite does.
function toQueryConfig(statement: Statement, params: readonly unknown[], timeoutMs: number): QueryConfig {
  return { ...statement, values: [...params], queryMode: 'extended', query_timeout: answerTimeoutMs(timeoutMs) };
}

function neverTimedOut(text: string): QueryConfig {
  return { text, query_timeout: longestTimerMs };
}

// A server that vanished without a word would be waited for until TCP gives up, hours later.
function answerTimeoutMs(statementTimeoutMs: number): number {
  return statementTimeoutMs === 0 ? longestTimerMs : statementTimeoutMs + answerGraceMs;
}

async function inTransaction<T>(
  client: pg.PoolClient,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
  defaultTimeoutMs: number,
): Promise<T> {
  let isOpen = true;
  const lend: Lend = (use) => (isOpen ? use(client).catch(rethrowFailure) : refuseEnded());
  await client.query(beginStatement(options, defaultTimeoutMs));
  let result: T;
  try {
    result = await work(createQuery(lend, options.statementTimeoutMs ?? defaultTimeoutMs));
  } catch (error) {
    isOpen = false;
    await client.query('rollback');
    throw error;
  }
  isOpen = false;
  assertCommitted((await client.query('commit')).command);
  return result;
}

function rethrowFailure(error: unknown): never {
  throw toDatabaseFailure(error);
}
