/**
 * A Database that writes down, where TEST_STATEMENTS_DIR says, every statement that a file of src/ sends through it: once each,
 * as a line of JSON. What tests send themselves is left out.
 */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KyselyPlugin, PostgresQueryCompiler } from 'kysely';
import type { Database, Queryable, Statement, Transaction } from '../../src/server/infra/database.ts';
import { testMode } from './test-mode.ts';

export interface RecordedStatement extends Statement {
  /** The file of src/ that sent it. */
  readonly file: string;
}

const seen = new Set<string>();

export function recorded(db: Database): Database {
  const folder = testMode.statementsDir;
  if (folder === undefined) return db;
  const keep = (statement: Statement, file: string | null): void => {
    const line = `${JSON.stringify({ ...statement, file })}\n`;
    if (file === null || seen.has(line)) return;
    seen.add(line);
    appendFileSync(join(folder, `${process.pid}.ndjson`), line);
  };
  return {
    ...db,
    ...recordedQueries(db, keep),
    transaction: (work, options) =>
      db.transaction((tx): ReturnType<typeof work> => work({ ...tx, ...recordedQueries(tx, keep) } as Transaction), options),
    get kysely() {
      return recordedKysely(db, keep);
    },
  };
}

export function readRecorded(folder: string): readonly RecordedStatement[] {
  const lines = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').trim().split('\n'));
  return [...new Set(lines)].map((line) => JSON.parse(line) as RecordedStatement);
}

type Keep = (statement: Statement, file: string | null) => void;

function recordedQueries(to: Queryable, keep: Keep): Queryable {
  return {
    query: (statement, params) => {
      keep(typeof statement === 'string' ? { text: statement } : statement, callingFile());
      return to.query(statement, params);
    },
    copyIn: (text, stream) => to.copyIn(text, stream),
    get kysely() {
      return recordedKysely(to, keep);
    },
  };
}

function recordedKysely(to: Queryable, keep: Keep): Queryable['kysely'] {
  const file = callingFile();
  const plugin: KyselyPlugin = {
    transformQuery: ({ node, queryId }) => {
      const { sql, parameters } = new PostgresQueryCompiler().compileQuery(node, queryId);
      keep({ text: withOneNumber(sql, parameters) }, file);
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  return to.kysely.withPlugin(plugin);
}

/** Kysely numbers a value anew each time it is used: the same id gets one number again, so that the text shows that it is the same. */
function withOneNumber(sql: string, parameters: readonly unknown[]): string {
  const isId = (value: unknown): boolean => typeof value === 'string' && value.length === 36;
  return sql.replaceAll(/\$(\d+)/g, (written, number) => {
    const value = parameters[Number(number) - 1];
    return isId(value) ? `$${parameters.indexOf(value) + 1}` : written;
  });
}

/** What hands a statement on, and is not the place that it is from. */
const passers = ['recorded-database', 'watched-database', 'watch-database'];

/** The first file on the stack that is none of those, where it is of src/. */
function callingFile(): string | null {
  const frames = (new Error('where is this called').stack ?? '')
    .split('\n')
    .slice(1)
    .filter((line) => !passers.some((passer) => line.includes(passer)));
  return /\/(src\/server\/[\w/-]+[.]ts)/.exec(frames[0] ?? '')?.[1] ?? null;
}
