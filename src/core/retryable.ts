/** The errors after which the same request can succeed later: what a client needs of the table in core/errors, without its words. */
import type { ErrorCode } from './errors.ts';

const retryable: readonly string[] = [
  'rate_limited',
  'too_many_attempts',
  'too_many_requests',
  'too_many_sockets',
  'request_timeout',
  'internal_error',
  'overloaded',
  'unavailable',
  'embedding_unavailable',
  'extraction_failed',
  'extraction_rate_limited',
  'extraction_unavailable',
] satisfies readonly ErrorCode[];

/** Codes that are unknown here are not. */
export function isRetryable(code: string): boolean {
  return retryable.includes(code);
}
