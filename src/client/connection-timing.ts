/** How long a connection waits for what (SYN-10): every wait ends. */

/** All in ms. */
export interface ConnectionTiming {
  /** From opening a transport to WELCOME. */
  readonly welcomeMs: number;
  /** Silence after which a PING is sent; under 30 s, which is what proxies and service workers allow. */
  readonly pingMs: number;
  /** From the PING to any frame. */
  readonly pongMs: number;
  /** With something to come or to go, and nothing of it moving. */
  readonly progressMs: number;
  /** Between two looks at the server over HTTP. */
  readonly pollMs: number;
  /** From falling back to HTTP to the next attempt with a socket. */
  readonly retrySocketMs: number;
  /** How long a client that is parked, or offline as the browser says, waits before it tries by itself. */
  readonly parkMs: number;
}

export const defaultTiming: ConnectionTiming = {
  welcomeMs: 15_000,
  pingMs: 20_000,
  pongMs: 10_000,
  progressMs: 30_000,
  pollMs: 5_000,
  retrySocketMs: 60_000,
  parkMs: 600_000,
};
