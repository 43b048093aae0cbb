import { AppError, type ErrorCode, type FieldError } from '../../core/errors.ts';
import type { Result } from '../../core/result.ts';

/** An expected failure becomes the caller's problem; here, at the edge, and nowhere below. */
export function unwrap<T>(result: Result<T, ErrorCode | Refusal>): T {
  if (result.ok) return result.value;
  const { error } = result;
  if (typeof error === 'string') throw new AppError(error);
  throw new AppError(error.code, error.detail, error.field === undefined ? [] : [error.field]);
}

interface Refusal {
  readonly code: ErrorCode;
  readonly detail?: string;
  readonly field?: FieldError;
}
