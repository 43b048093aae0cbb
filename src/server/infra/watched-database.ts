/** A Database whose statements somebody watches: the same one, with a name for each statement and a hand around it. */
import { CompiledQuery, type Kysely } from 'kysely';
import type { Database, Queryable, Statement, Transaction } from './database.ts';
import { createKysely } from './sql-kysely.ts';
import type { Tables } from './tables.ts';

/** Carries the work out. The name is that of the statement, or its first word where it has none: its text can hold ids. */
export type DatabaseWatch = <T>(kind: 'statement' | 'transaction' | 'copy', name: string, work: () => Promise<T>) => Promise<T>;

export function watchedDatabase(db: Database, watch: DatabaseWatch): Database {
  return {
    ...db,
    ...watchedQueryable(db, watch),
    get kysely() {
      return watchedKysely(db.kysely, watch);
    },
    transaction: (work, options) =>
      watch('transaction', 'transaction', () => db.transaction((tx) => work(watchedTransaction(tx, watch)), options)),
  };
}

function watchedTransaction(tx: Transaction, watch: DatabaseWatch): Transaction {
  return {
    ...watchedQueryable(tx, watch),
    get kysely() {
      return watchedKysely(tx.kysely, watch);
    },
    script: (sql) => tx.script(sql),
  };
}

function watchedQueryable(db: Queryable, watch: DatabaseWatch): Omit<Queryable, 'kysely'> {
  return {
    query: <Row>(statement: Statement | string, params?: readonly unknown[]) =>
      watch('statement', nameOf(statement), () => db.query<Row>(statement, params)),
    copyIn: (statement, stream) => watch('copy', 'copy', () => db.copyIn(statement, stream)),
  };
}

/** Its queries go past `query`. */
function watchedKysely(kysely: Kysely<Tables>, watch: DatabaseWatch): Kysely<Tables> {
  return createKysely(async <Row>(text: string, params: readonly unknown[]) => {
    const query = CompiledQuery.raw(text, [...params]) as CompiledQuery<Row>;
    const { rows, numAffectedRows = 0n } = await watch('statement', firstWord(text), () => kysely.executeQuery(query));
    return { rows, affectedRows: Number(numAffectedRows) };
  });
}

const nameOf = (statement: Statement | string): string =>
  typeof statement === 'string' ? firstWord(statement) : (statement.name ?? firstWord(statement.text));

const firstWord = (text: string): string => /[a-z]+/i.exec(text)?.[0].toLowerCase() ?? 'unnamed';
