/** Every wait of the kit has an end, so that a server that never answers fails a check and does not hold it up for ever. */
import { CheckFailure } from './expect.ts';

/** What the promise gives, or a failure that says what was waited for. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new CheckFailure(`expected ${what} within ${ms} ms, got nothing`)), ms);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
