/**
 * How long to wait before the next attempt: exponential with full jitter (Brooker, "Exponential Backoff and Jitter", AWS
 * Architecture Blog, 2015), so that devices cut off together do not come back together.
 */
export interface BackoffLimits {
  /** Bound of the first wait, ms. */
  readonly firstMs: number;
  readonly maxMs: number;
  /** What the server asked for, ms: the wait is that and up to half of it more, or the usual one if that is longer. */
  readonly leastMs?: number;
}

export const defaultBackoff: BackoffLimits = { firstMs: 500, maxMs: 60_000 };

/** @param attempt failures in a row before this wait, from 1. @param random in [0, 1). @returns ms */
export function backoffMs(attempt: number, random: number, limits: BackoffLimits = defaultBackoff): number {
  const { firstMs, maxMs, leastMs = 0 } = limits;
  const usual = random * Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(Math.max(usual, leastMs * (1 + random / 2)));
}
