/** A server that starts beside its database may be there first: `docker compose up`, a machine that boots. */
import { type Database, DatabaseUnavailable } from './database.ts';

export interface WaitOptions {
  /** How long at most, from the first failure on; the last try begins before. 0: one try. */
  readonly waitMs: number;
  /** Monotonic, ms. */
  readonly stopwatch: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Called once, when the first try has failed. */
  readonly onWait: (error: DatabaseUnavailable) => void;
}

const firstPauseMs = 100;
const longestPauseMs = 2_000;

/**
 * Opens the database, again and again while nobody answers. Every other failure (a wrong password, no such database) is for a
 * person to mend, and ends the wait at once.
 *
 * @throws DatabaseUnavailable of the last try when the time is over
 */
export async function waitForDatabase(open: () => Promise<Database>, options: WaitOptions): Promise<Database> {
  let giveUpAt: number | null = null;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      const now = options.stopwatch();
      if (giveUpAt === null) {
        giveUpAt = now + options.waitMs;
        if (options.waitMs > 0) options.onWait(error);
      }
      const leftMs = giveUpAt - now;
      if (leftMs <= 0) throw error;
      await options.sleep(Math.min(pauseMs, leftMs));
    }
  }
}
