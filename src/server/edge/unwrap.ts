import { AppError, type ErrorCode } from '../../core/errors.ts';
import type { Result } from '../../core/result.ts';

/** An expected failure becomes the caller's problem; here, at the edge, and nowhere below. */
export function unwrap<T>(result: Result<T, ErrorCode | { readonly code: ErrorCode; readonly detail?: string }>): T {
  if (result.ok) return result.value;
  const { error } = result;
  throw typeof error === 'string' ? new AppError(error) : new AppError(error.code, error.detail);
}
