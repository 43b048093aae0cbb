/**
 * The one door to SQL. Two implementations pass the same contract suite: `postgres.ts` (pg, PostgreSQL 16+)
 * and `embedded.ts` (PGlite in this process, a data folder).
 *
 * Values, the same on both: int2/int4/int8 → number (every int8 of ours is below 2^53), bytea → Buffer, uuid/text → string,
 * timestamptz → Date, jsonb → parsed, bool → boolean, arrays → arrays. Parameters: number, string, boolean, null, Date,
 * Uint8Array, and arrays of those (bytea[] too). Cast array parameters in the SQL (`$3::bytea[]`).
 */
import type { Kysely } from 'kysely';
import type { Tables } from './tables.ts';

/**
 * A statement of constant text. With a `name` the driver keeps it prepared. Its first parameter is the user (`$1::uuid`) or the
 * users (`$1::uuid[]`) that it is about: behind row-level security (SEC-15) it sees the rows of those alone, and none without one.
 */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  /** Why it has to see the rows of everybody. Said, it runs as the owner of the tables, whom row-level security does not bind. */
  readonly everybody?: string;
}

export interface Queryable {
  /** @throws DatabaseUnavailable when the connection is gone or refused; DatabaseError (with `sqlState`) otherwise. */
  query<Row>(statement: Statement | string, params?: readonly unknown[]): Promise<readonly Row[]>;
  /**
   * Runs `copy … from stdin with (format binary)` on a stream made by copy-writer.ts. PostgreSQL refuses COPY behind row-level
   * security, so it runs as the owner: only rows of users whom a statement of the same transaction has let through may be in it.
   */
  copyIn(statement: string, stream: Buffer): Promise<void>;
  /** Typed queries for what is not hot. Inside a transaction it runs in it. */
  readonly kysely: Kysely<Tables>;
}

export interface TransactionOptions {
  readonly isolation?: 'read committed' | 'repeatable read';
  readonly readOnly?: boolean;
  /**
   * Ends a statement that runs longer, in ms (57014); 0: never. Default: that of the Database. PostgreSQL only: PGlite has
   * no timers while a statement runs.
   */
  readonly statementTimeoutMs?: number;
  /** As `Statement.everybody`, for the whole transaction. */
  readonly everybody?: string;
}

export interface Transaction extends Queryable {
  /** As `Database.script`, as a part of this transaction. */
  script(sql: string): Promise<void>;
}

/** A result that resolves from a commit is durable: the write-ahead log was fsynced first, on both engines. */
export interface Database extends Queryable {
  readonly engine: 'postgresql' | 'pglite';
  /** For people: engine, version and place, never a password. */
  readonly description: string;
  /**
   * Commits when `work` resolves, rolls back when it throws. Read committed and read-write unless told otherwise. Use only
   * `tx` inside: on PGlite, which has one connection, a query on the Database itself waits for this transaction for ever.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /** Runs the statements of a `.sql` file: several, no parameters, one implicit transaction. */
  script(sql: string): Promise<void>;
  /** Where there is a pool of connections. */
  readonly poolState?: () => PoolState;
  close(): Promise<void>;
}

export interface PoolState {
  /** Connections at most. */
  readonly size: number;
  readonly open: number;
  readonly idle: number;
  /** Requests that wait for a connection. */
  readonly waiting: number;
}

/** The database cannot be reached or went away; the outcome of a write in flight is unknown. Retrying is right. */
export class DatabaseUnavailable extends Error {
  override readonly name = 'DatabaseUnavailable';
}

/** So many wait for a connection already that one more would wait in vain. Nothing was sent. */
export class DatabaseBusy extends DatabaseUnavailable {}

/** A statement failed. `sqlState` is PostgreSQL's five-character code (23505 unique, 40P01 deadlock, 57014 time-out …). */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly sqlState: string;
  /** The constraint that was violated, as in `events_pkey`. */
  readonly constraint: string | undefined;

  constructor(sqlState: string, message: string, options?: ErrorOptions & { readonly constraint?: string | undefined }) {
    super(message, options);
    this.sqlState = sqlState;
    this.constraint = options?.constraint;
  }
}
