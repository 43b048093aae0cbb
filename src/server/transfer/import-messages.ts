/** What the server's thread and the import's thread say to each other. */
import { AppError, type ErrorCode, type FieldError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { Writer } from '../command/memory-commands.ts';
import type { PlanTally } from '../command/user-plan.ts';
import { DatabaseBusy, DatabaseError, DatabaseUnavailable } from '../infra/database.ts';
import type { ImportReport } from './import-records.ts';
import { UnknownFormat } from './read-items.ts';
import type { ImportRequest } from './transfer.ts';

export type ToImportThread =
  /** With the path of a zip on the disk, or with chunks that follow. */
  | {
      readonly kind: 'import';
      readonly id: number;
      readonly writer: Writer;
      readonly request: ImportRequest;
      readonly zip?: string;
    }
  | { readonly kind: 'chunk'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly id: number }
  /** The source broke: what was read of it stays. */
  | { readonly kind: 'broken'; readonly id: number }
  | { readonly kind: 'stop' };

export type FromImportThread =
  /** A chunk was taken up: there is room for another one. */
  | { readonly kind: 'taken'; readonly id: number }
  | { readonly kind: 'committed'; readonly userId: UserId; readonly head: number }
  /** What became of ops that were committed. */
  | { readonly kind: 'tally'; readonly tally: PlanTally }
  | { readonly kind: 'done'; readonly id: number; readonly report: ImportReport }
  | { readonly kind: 'failed'; readonly id: number; readonly failure: ImportFailure };

/** An error as it goes from thread to thread, which keep neither its class nor its fields. */
export type ImportFailure =
  | { readonly kind: 'app'; readonly code: ErrorCode; readonly detail: string; readonly errors: readonly FieldError[] }
  | { readonly kind: 'format'; readonly message: string }
  | { readonly kind: 'away'; readonly message: string }
  | { readonly kind: 'database'; readonly sqlState: string; readonly message: string }
  | { readonly kind: 'fault'; readonly error: unknown };

export function toFailure(error: unknown): ImportFailure {
  if (error instanceof DatabaseBusy) return toFailure(new AppError('overloaded'));
  if (error instanceof AppError) return { kind: 'app', code: error.code, detail: error.message, errors: error.errors };
  if (error instanceof UnknownFormat) return { kind: 'format', message: error.message };
  if (error instanceof DatabaseUnavailable) return { kind: 'away', message: error.message };
  if (error instanceof DatabaseError) return { kind: 'database', sqlState: error.sqlState, message: error.message };
  return { kind: 'fault', error };
}

export function fromFailure(failure: ImportFailure): unknown {
  switch (failure.kind) {
    case 'app':
      return new AppError(failure.code, failure.detail, failure.errors);
    case 'format':
      return new UnknownFormat(failure.message);
    case 'away':
      return new DatabaseUnavailable(failure.message);
    case 'database':
      return new DatabaseError(failure.sqlState, failure.message);
    case 'fault':
      return failure.error;
  }
}
