/** The Database in this process: PGlite on a data folder, as durable as a PostgreSQL server. */
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database, DatabaseUnavailable, Statement, Transaction, TransactionOptions } from './database.ts';
import { unpackFolder } from './embedded-archive.ts';
import { EmbeddedEngine } from './embedded-engine.ts';
import { syncDirectory } from './embedded-fs.ts';
import { lockDataDir } from './embedded-lock.ts';
import { readTemplate } from './embedded-template.ts';
import { fenceSettings, toGuard, usersOf, usersOfBuilt } from './session-guard.ts';
import { createKysely, type StatementResult } from './sql-kysely.ts';
import { assertCommitted, beginStatement, refuseEnded } from './sql-transaction.ts';

export interface EmbeddedOptions {
  /** Made when it is not there. PostgreSQL's files go to `postgres` in it, the lock to `lock`; the rest is the caller's. */
  readonly dataDir: string;
  /**
   * Called once when PostgreSQL panics (the disk is full or fails under the write-ahead log). From then on every call is
   * refused with DatabaseUnavailable; a new process recovers what was committed.
   */
  readonly onBroken?: (error: DatabaseUnavailable) => void;
  /** The second fence (SEC-15): statements see the rows of their users alone. Default false. */
  readonly rowSecurity?: boolean;
}

/**
 * One connection: a query waits while a transaction is open, so a transaction must only use its `tx`.
 *
 * @throws DataDirInUse when another Database, here or in another process, has the folder open.
 */
export async function openEmbedded({ dataDir, onBroken = () => {}, rowSecurity = false }: EmbeddedOptions): Promise<Database> {
  const lock = lockDataDir(dataDir);
  let closing: Promise<void> | undefined;
  try {
    const folder = join(dataDir, 'postgres');
    if (!existsSync(folder)) await createCluster(dataDir, folder);
    const engine = await EmbeddedEngine.open(folder, onBroken);
    const direct = createQuery(engine, (use) => engine.exclusive(use), rowSecurity);
    const [row] = await direct.query<{ version: string }>("select current_setting('server_version') as version");
    return {
      ...direct,
      script: (sql) =>
        engine.exclusive(async () => {
          if (rowSecurity) await fence(engine, 'everybody');
          await engine.call((pg) => pg.exec(sql));
        }),
      engine: 'pglite',
      description: `PGlite (PostgreSQL ${row?.version}) in ${dataDir}`,
      transaction: (work, options = {}) => engine.exclusive(() => inTransaction(engine, work, options, rowSecurity)),
      close: () => (closing ??= engine.close().finally(lock.release)),
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

// Complete or not at all: a kill leaves `postgres.new`, which the next start throws away. The lock keeps others out.
async function createCluster(dataDir: string, folder: string): Promise<void> {
  const unfinished = `${folder}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await unpackFolder(await readTemplate(), unfinished, true);
  await rename(unfinished, folder);
  syncDirectory(dataDir);
}

type Turn = <T>(use: () => Promise<T>) => Promise<T>;

type Users = readonly string[] | 'everybody';

/** There is one connection, and each statement says anew whose rows it may see: so the setting need not end with it. */
async function fence(engine: EmbeddedEngine, users: Users): Promise<void> {
  const { text, values } = toGuard(fenceSettings(users), false);
  await engine.call((pg) => pg.query(text, [...values]));
}

function createQuery(engine: EmbeddedEngine, turn: Turn, isFenced: boolean): Transaction {
  const execute = <Row>(text: string, params: readonly unknown[], find: () => Users): Promise<StatementResult<Row>> =>
    turn(async () => {
      if (isFenced) await fence(engine, find());
      const { rows, affectedRows } = await engine.call((pg) => pg.query<Row>(text, [...params]));
      return { rows, affectedRows: affectedRows ?? 0 };
    });
  return {
    query: async <Row>(given: Statement | string, params: readonly unknown[] = []) => {
      const statement = typeof given === 'string' ? { text: given } : given;
      return (await execute<Row>(statement.text, params, () => usersOf(statement, params))).rows;
    },
    // PGlite has no stdin: it reads the stream as a file of its own.
    copyIn: (text, stream) =>
      turn(async () => {
        if (isFenced) await fence(engine, 'everybody');
        const statement = text.replace('from stdin', "from '/dev/blob'");
        await engine.call((pg) => pg.query(statement, [], { blob: new Blob([new Uint8Array(stream)]) }));
      }),
    script: (sql) => turn(async () => void (await engine.call((pg) => pg.exec(sql)))),
    get kysely() {
      return createKysely((text, params) => execute(text, params, () => usersOfBuilt(text, params)));
    },
  };
}

async function inTransaction<T>(
  engine: EmbeddedEngine,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
  rowSecurity: boolean,
): Promise<T> {
  let isOpen = true;
  const turn: Turn = (use) => (isOpen ? use() : refuseEnded());
  const isFenced = rowSecurity && options.everybody === undefined;
  // What an earlier statement said holds on, for the scripts too that a transaction runs.
  if (rowSecurity) await fence(engine, isFenced ? [] : 'everybody');
  await engine.call((pg) => pg.exec(beginStatement(options, 0)));
  let result: T;
  try {
    result = await work(createQuery(engine, turn, isFenced));
  } catch (error) {
    isOpen = false;
    await engine.call((pg) => pg.exec('rollback'));
    throw error;
  }
  isOpen = false;
  const [commit] = await engine.call((pg) => pg.exec('commit'));
  assertCommitted(commit?.command);
  return result;
}
