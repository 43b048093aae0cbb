/** How long somebody who guesses passwords has to wait. Pure. */

export interface Attempts {
  /** Attempts that were not, or not yet, successful. */
  readonly failures: number;
  /** Of the last one, Unix ms. */
  readonly lastAt: number;
}

export interface DelayBounds {
  /** As many cost nothing. */
  readonly free: number;
  /** After the first of the others; it doubles with each. */
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/** SEC-3: how often a password may be tried. */
export const attemptLimits = {
  /** For one account from one network, or from one device that its owner has used. */
  ofSource: { free: 10, firstDelayMs: 30_000, maxDelayMs: 900_000 },
  /** For one account from all networks together that it was never entered from. The owner's own are not held up by this. */
  ofStrangers: { free: 100, firstDelayMs: 1_000, maxDelayMs: 60_000 },
  /** Failures count until there was none for so long. */
  forgetAfterMs: 3_600_000,
  /** A network is the owner's for so long after a login from it, and the last so many of them. */
  knownForMs: 90 * 86_400_000,
  knownNetworks: 20,
} as const;

/** What is left of the delay, ms; 0: go on. */
export function waitOf(attempts: Attempts | null, { free, firstDelayMs, maxDelayMs }: DelayBounds, now: number): number {
  if (attempts === null || attempts.failures < free || now - attempts.lastAt >= attemptLimits.forgetAfterMs) return 0;
  const delay = Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(attempts.failures - free, 30));
  return Math.max(0, attempts.lastAt + delay - now);
}
