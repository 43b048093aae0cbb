/** Waits for a state that nothing announces: looked at again and again, failed when it never comes. */
import { setTimeout as wait } from 'node:timers/promises';

const lookEveryMs = 10;

/** @returns what `look` gave when it was neither null, undefined nor false. */
export async function eventually<T>(look: () => Promise<T> | T, what: string, withinMs = 20_000): Promise<NonNullable<T>> {
  const endsAt = performance.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
    if (performance.now() > endsAt) throw new Error(`${what}: not so within ${withinMs} ms`);
    await wait(lookEveryMs);
  }
}
