/** A socket where one passes, HTTP where it does not. Which it is can only be found by trying. */
import type { ClientEnvironment } from './environment.ts';
import { openHttpTransport } from './http-transport.ts';
import { openSocketTransport } from './socket-transport.ts';
import type { Transport, TransportEvents } from './transport.ts';

export interface TransportChoiceOptions {
  /** `https://host` */
  readonly url: string;
  readonly pollMs: number;
  readonly requestMs: number;
}

/** Attempts with a socket in a row that bring no frame, after which HTTP is tried. */
const socketAttempts = 2;

export class TransportChoice {
  readonly #environment: ClientEnvironment;
  readonly #options: TransportChoiceOptions;
  #socketFailures = 0;

  constructor(environment: ClientEnvironment, options: TransportChoiceOptions) {
    this.#environment = environment;
    this.#options = options;
  }

  open(events: TransportEvents): Transport {
    const { pollMs, requestMs } = this.#options;
    const apiUrl = `${this.#options.url.replace(/\/+$/, '')}/api/v1`;
    if (this.#socketFailures < socketAttempts)
      return openSocketTransport(this.#environment, `${apiUrl.replace(/^http/, 'ws')}/sync`, events);
    return openHttpTransport(this.#environment, { apiUrl, pollMs, requestMs }, events);
  }

  /** It ended before the server said anything. Where HTTP fails too, it was not the socket. */
  noteFailure(transport: Transport | null): void {
    if (transport?.kind === 'socket') this.#socketFailures++;
    if (transport?.kind === 'http') this.#socketFailures = 0;
  }

  noteSuccess(transport: Transport | null): void {
    if (transport?.kind === 'socket') this.#socketFailures = 0;
  }

  /** HTTP works; one attempt tells whether a socket does again. */
  retrySocket(): void {
    this.#socketFailures = socketAttempts - 1;
  }
}
