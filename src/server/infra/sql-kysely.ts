/** Kysely on our own way of running a statement: one dialect for both engines, no pool of its own. */
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely';
import type { Tables } from './tables.ts';

export interface StatementResult<Row> {
  readonly rows: readonly Row[];
  /** Rows that an insert, update, delete or merge touched. */
  readonly affectedRows: number;
}

export type Execute = <Row>(text: string, params: readonly unknown[]) => Promise<StatementResult<Row>>;

/** Its queries run where `execute` runs them: on any connection, or in one transaction. */
export function createKysely(execute: Execute): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => createDriver(execute),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

function createDriver(execute: Execute): Driver {
  const connection: DatabaseConnection = {
    async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
      const { rows, affectedRows } = await execute<Row>(query.sql, query.parameters);
      return { rows: [...rows], numAffectedRows: BigInt(affectedRows) };
    },
    async *streamQuery() {
      throw new Error('streaming is not supported: page by key instead');
    },
  };
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: refuseTransaction,
    commitTransaction: refuseTransaction,
    rollbackTransaction: refuseTransaction,
    releaseConnection: async () => {},
    destroy: async () => {},
  };
}

// Every transaction goes through one function, which pins isolation and time-outs.
async function refuseTransaction(): Promise<void> {
  throw new Error('use Database.transaction(): its tx.kysely runs in the transaction');
}
