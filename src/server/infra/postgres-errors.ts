/** What pg throws, in the words of `database.ts`. */
import pg from 'pg';
import { DatabaseError, DatabaseUnavailable } from './database.ts';

// 57P01–57P03, 57P05: shut down, crashed, starting up, idle too long. 25P03: idle in a transaction. 53300: no free connection.
const unavailableStates = new Set(['57P01', '57P02', '57P03', '57P05', '25P03', '53300']);

// Errors of pg and pg-pool that carry no code, only words.
const unavailableMessage =
  /^Connection terminated|^timeout exceeded when|not queryable$|^Query read timeout$|^Cannot use a pool|^timeout expired$/;

/** The driver's error is not kept as a cause: it carries details with the values of the row. */
export function toDatabaseFailure(error: unknown): unknown {
  if (error instanceof pg.DatabaseError && error.code !== undefined) {
    if (error.code.startsWith('08') || unavailableStates.has(error.code)) return new DatabaseUnavailable(error.message);
    return new DatabaseError(error.code, error.message, { constraint: error.constraint });
  }
  if (isSystemError(error)) return new DatabaseUnavailable(`no connection to the database: ${error.code}`);
  if (error instanceof Error && unavailableMessage.test(error.message)) return new DatabaseUnavailable(error.message);
  return error;
}

// ECONNREFUSED, ECONNRESET, EPIPE, ETIMEDOUT, ENOTFOUND, EAI_AGAIN …; an AggregateError when a host has several addresses.
function isSystemError(error: unknown): error is Error & { readonly code: string } {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && /^E(?!RR_)[A-Z_]+$/.test(error.code);
}
