/** When to ask for the next access token (SYN-9). */

/** Left of a token's life when the next one is asked for: a fifth, but not more than a minute. */
const marginMs = 60_000;
/** What timers can hold (WHATWG HTML §8.6: a signed 32-bit number). */
const maxTimerMs = 2 ** 31 - 1;

/** @param lifeMs what is left of the token. @returns ms */
export function renewAfterMs(lifeMs: number): number {
  return Math.max(1_000, Math.min(lifeMs - Math.min(marginMs, lifeMs / 5), maxTimerMs));
}

/** Unix ms at which a JSON Web Token (RFC 7519 §4.1.4) ends, by the server's clock; null where the token does not say. */
export function expiryOf(token: string): number | null {
  try {
    const claims = JSON.parse(atob((token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/'))) as { exp?: unknown };
    return typeof claims.exp === 'number' ? claims.exp * 1_000 : null;
  } catch {
    // An API key, or another form of token: its holder renews it when the server asks.
    return null;
  }
}
