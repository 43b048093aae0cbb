import { expect, it } from 'vitest';
import { type Database, DatabaseError, DatabaseUnavailable } from '../../../src/server/infra/database.ts';
import { waitForDatabase } from '../../../src/server/infra/wait-for-database.ts';

const database = { description: 'there' } as Database;
const away = new DatabaseUnavailable('no connection to the database: ECONNREFUSED');

/** A database that answers from a time on, and a clock that only sleeping moves. */
function scene(answersAtMs: number, failure: Error = away) {
  const seen = { nowMs: 0, tries: 0, waits: [] as Error[], longestSleepMs: 0 };
  const open = async (): Promise<Database> => {
    seen.tries++;
    if (seen.nowMs < answersAtMs) throw failure;
    return database;
  };
  const options = (waitMs: number) => ({
    waitMs,
    stopwatch: () => seen.nowMs,
    sleep: async (ms: number) => {
      seen.nowMs += ms;
      seen.longestSleepMs = Math.max(seen.longestSleepMs, ms);
    },
    onWait: (error: Error) => void seen.waits.push(error),
  });
  return { seen, start: (waitMs: number) => waitForDatabase(open, options(waitMs)) };
}

it('[SYN-10] a database that is there is opened at once, and nothing is said', async () => {
  const { seen, start } = scene(0);
  expect(await start(30_000)).toBe(database);
  expect(seen).toMatchObject({ tries: 1, nowMs: 0, waits: [] });
});

it('[SYN-10] a database that comes while the start waits is found within two seconds, and the wait is said once', async () => {
  const { seen, start } = scene(11_000);
  expect(await start(30_000)).toBe(database);
  expect(seen.waits).toEqual([away]);
  expect(seen.nowMs).toBeGreaterThanOrEqual(11_000);
  expect(seen.nowMs).toBeLessThanOrEqual(13_000);
  expect(seen.longestSleepMs).toBe(2_000);
});

it('[SYN-10] the wait ends: the last failure is thrown when the time is over, not before', async () => {
  const { seen, start } = scene(Number.POSITIVE_INFINITY);
  await expect(start(5_000)).rejects.toBe(away);
  expect(seen.nowMs).toBe(5_000);
});

it('[SYN-10] without a wait there is one try, and no talk of waiting', async () => {
  const { seen, start } = scene(1);
  await expect(start(0)).rejects.toBe(away);
  expect(seen).toMatchObject({ tries: 1, waits: [] });
});

it('[SYN-10] what waiting does not mend is thrown at once', async () => {
  const wrongPassword = new DatabaseError('28P01', 'password authentication failed');
  const { seen, start } = scene(Number.POSITIVE_INFINITY, wrongPassword);
  await expect(start(30_000)).rejects.toBe(wrongPassword);
  expect(seen).toMatchObject({ tries: 1, waits: [] });
});
