/** Statements on a connection of pg: with their time limits, with what a pooler needs said, behind the fence. */
import { finished } from 'node:stream/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { DatabaseUnavailable, type Statement, type Transaction } from './database.ts';
import { type GuardedConfig, queryGuarded } from './guarded-query.ts';
import { createStatementSettings, type Pooler } from './postgres-session.ts';
import { fenceSettings, type Setting, toGuard, usersOf, usersOfBuilt } from './session-guard.ts';
import { createKysely, type StatementResult } from './sql-kysely.ts';

export interface QueryOptions {
  readonly pooler: Pooler;
  readonly rowSecurity: boolean;
  readonly timeoutMs: number;
  /** Inside of a transaction, which has said its settings itself. */
  readonly transaction?: { readonly everybody: boolean };
}

export type Lend = <T>(use: (client: pg.ClientBase) => Promise<T>) => Promise<T>;

/** Worked out only behind the fence: without it no statement pays for a look at its parameters. */
type FindUsers = () => readonly string[] | 'everybody';

/** After the server's own time-out: how long its answer may take before the connection counts as dead. */
const answerGraceMs = 5_000;
const longestTimerMs = 2 ** 31 - 1;

// A server that vanished without a word would be waited for until TCP gives up, hours later.
export function answerTimeoutMs(statementTimeoutMs: number): number {
  return statementTimeoutMs === 0 ? longestTimerMs : statementTimeoutMs + answerGraceMs;
}

export function createQuery(lend: Lend, options: QueryOptions): Transaction {
  const settingsFor = createSettings(options);
  const execute = <Row>(statement: Statement, params: readonly unknown[], users: FindUsers): Promise<StatementResult<Row>> =>
    lend(async (client) => {
      const { rows, rowCount, command } = await run(client, settingsFor(users), toConfig(statement, params, options));
      return { rows, affectedRows: command === 'SELECT' ? 0 : (rowCount ?? 0) };
    });
  return {
    query: async <Row>(given: Statement | string, params: readonly unknown[] = []) => {
      const statement = typeof given === 'string' ? { text: given } : given;
      return (await execute<Row>(statement, params, () => usersOf(statement, params))).rows;
    },
    copyIn: (text, stream) =>
      lend(async (client) => {
        const settings = settingsFor(() => 'everybody');
        if (settings.length > 0) await run(client, settings, toConfig({ text: 'select 1' }, [], options));
        await withinMs(answerTimeoutMs(options.timeoutMs), finished(client.query(copyFrom(text)).end(stream)));
      }),
    script: (text) =>
      lend(async (client) => void (await client.query({ text, query_timeout: longestTimerMs } as pg.QueryConfig))),
    get kysely() {
      return createKysely((text, params) => execute({ text }, params, () => usersOfBuilt(text, params)));
    },
  };
}

/**
 * What has to be said before a statement about these users. A transaction keeps what was said in it until other users are
 * meant; a statement on its own leaves nothing behind.
 */
function createSettings({ pooler, rowSecurity, timeoutMs, transaction }: QueryOptions): (users: FindUsers) => readonly Setting[] {
  const always = pooler === 'none' || transaction !== undefined ? [] : createStatementSettings(timeoutMs);
  if (!rowSecurity || transaction?.everybody === true) return () => always;
  if (transaction === undefined) {
    return (find) => {
      const users = find();
      return users === 'everybody' ? always : [...always, ...fenceSettings(users)];
    };
  }
  let said = String(fenceSettings('everybody'));
  return (find) => {
    const fence = fenceSettings(find());
    if (String(fence) === said) return [];
    said = String(fence);
    return fence;
  };
}

function run(client: pg.ClientBase, settings: readonly Setting[], config: GuardedConfig): Promise<pg.QueryResult> {
  if (settings.length === 0) return client.query(config);
  return queryGuarded(client, toGuard(settings), config);
}

// The extended protocol also without parameters: it refuses several statements in one text, as PGlite does.
function toConfig({ name, text }: Statement, params: readonly unknown[], { pooler, timeoutMs }: QueryOptions): GuardedConfig {
  return {
    text,
    values: [...params],
    queryMode: 'extended',
    query_timeout: answerTimeoutMs(timeoutMs),
    keepsGuard: pooler !== 'transaction',
    ...(name !== undefined && pooler !== 'transaction' && { name }),
  };
}

/** pg's own time limit does not reach a COPY. The connection is thrown away with what it still says. */
async function withinMs(limitMs: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DatabaseUnavailable(`no answer within ${limitMs} ms`)), limitMs);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    work.catch(() => {});
  }
}
