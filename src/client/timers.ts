/** Timers with names: setting one again takes the place of the one before. */
import type { ClientEnvironment } from './environment.ts';

export class Timers<Name extends string> {
  readonly #clock: Pick<ClientEnvironment, 'setTimer' | 'clearTimer'>;
  readonly #set = new Map<Name, unknown>();

  constructor(clock: Pick<ClientEnvironment, 'setTimer' | 'clearTimer'>) {
    this.#clock = clock;
  }

  arm(name: Name, work: () => void, ms: number): void {
    this.clear(name);
    const timer = this.#clock.setTimer(() => {
      this.#set.delete(name);
      work();
    }, ms);
    this.#set.set(name, timer);
  }

  clear(...names: readonly Name[]): void {
    for (const name of names) {
      if (this.#set.has(name)) this.#clock.clearTimer(this.#set.get(name));
      this.#set.delete(name);
    }
  }
}
