/** Three resets within ten minutes are no accident: the client parks, visibly, in place of downloading everything for ever. */
import type { ClientEnvironment } from './environment.ts';

const maxResets = 3;
const windowMs = 600_000;

export class ResetGuard {
  readonly #timing: Pick<ClientEnvironment, 'setTimer' | 'clearTimer'>;
  /** One timer for each reset that is not yet forgotten: the device's clock may jump, a timer does not. */
  readonly #recent = new Set<unknown>();

  constructor(timing: Pick<ClientEnvironment, 'setTimer' | 'clearTimer'>) {
    this.#timing = timing;
  }

  /** Counts one reset. @returns whether it is the third within the window; counting then begins anew. */
  isTooMany(): boolean {
    const timer = this.#timing.setTimer(() => this.#recent.delete(timer), windowMs);
    this.#recent.add(timer);
    if (this.#recent.size < maxResets) return false;
    this.stop();
    return true;
  }

  stop(): void {
    for (const timer of this.#recent) this.#timing.clearTimer(timer);
    this.#recent.clear();
  }
}
