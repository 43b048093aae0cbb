/** A number that only grows, and those who wait for it to get somewhere. */

/** Without any progress for so long, whoever waits is told. */
const stallMs = 60_000;

interface Waiter {
  readonly value: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Progress {
  readonly #what: string;
  #value = 0;
  #waiters: Waiter[] = [];
  #failure: Error | undefined;
  #stallTimer: NodeJS.Timeout | undefined;

  constructor(what: string) {
    this.#what = what;
  }

  get value(): number {
    return this.#value;
  }

  advance(value: number): void {
    this.#value = Math.max(this.#value, value);
    if (this.#waiters.length === 0) return;
    const reached = this.#waiters.filter((waiter) => waiter.value <= this.#value);
    if (reached.length > 0) this.#waiters = this.#waiters.filter((waiter) => waiter.value > this.#value);
    if (this.#waiters.length === 0) clearTimeout(this.#stallTimer);
    else this.#stallTimer?.refresh();
    for (const { resolve } of reached) resolve();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    clearTimeout(this.#stallTimer);
    for (const { reject } of this.#waiters.splice(0)) reject(error);
  }

  until(value: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (value <= this.#value) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ value, resolve, reject });
      clearTimeout(this.#stallTimer);
      const stalled = (): void => this.fail(new Error(`no ${this.#what} for ${stallMs} ms: ${this.#value} of ${value}`));
      this.#stallTimer = setTimeout(stalled, stallMs);
    });
  }
}
