/** What keeps requests from being served: each part is looked at by itself, at once, and within a second. */
import { statfs } from 'node:fs/promises';
import type { Database } from './database.ts';
import type { RedisDoor } from './redis.ts';

export interface MissingPart {
  readonly part: 'database' | 'migrations' | 'disk' | 'redis' | 'hints' | 'draining';
  /** For people; no vendor's words. */
  readonly message: string;
}

/** What is away while requests are served all the same. */
export interface DegradedPart extends MissingPart {
  /** The contract counts it as missing. */
  readonly isPromised: boolean;
}

/** How long an answer may take, ms: whoever balances the load asks every few seconds. */
const boundMs = 1_000;

/** Free bytes that the embedded database needs: below them a checkpoint may have no room, and then nothing can be written. */
export const minFreeBytes = 64 * 1_048_576;

/**
 * @param schemaVersion the number of the newest migration this server knows.
 * @param folder that the embedded database writes to; null: a server of its own looks after its disk.
 * @returns what is missing.
 */
export async function missingParts(
  db: Database,
  schemaVersion: number,
  folder: string | null = null,
): Promise<readonly MissingPart[]> {
  const looked = await Promise.all([lookAtDatabase(db, schemaVersion), folder === null ? [] : lookAtDisk(folder)]);
  return looked.flat();
}

export function degradedParts(
  redis: Pick<RedisDoor, 'isUp' | 'since'> | null,
  hints: { readonly kind: string; readonly isWorking: boolean },
): readonly DegradedPart[] {
  const parts: DegradedPart[] = [];
  if (redis !== null && !redis.isUp) {
    const since = new Date(redis.since).toISOString();
    parts.push({ part: 'redis', message: `no connection since ${since}; limits count on each node alone`, isPromised: true });
  }
  if (hints.kind !== 'none' && !hints.isWorking) {
    const message = `hints over ${hints.kind} do not arrive; writes of other nodes are found by polling`;
    parts.push({ part: 'hints', message, isPromised: false });
  }
  return parts;
}

export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

async function lookAtDatabase(db: Database, schemaVersion: number): Promise<readonly MissingPart[]> {
  const found = await inTime(readState(db));
  if (typeof found === 'string') return [{ part: 'database', message: found }];
  if (found.isReadOnly) return [{ part: 'database', message: 'it is read-only: a standby, or one that is being restored' }];
  if (found.version === schemaVersion) return [];
  return [{ part: 'migrations', message: `the schema is ${found.version}, this server needs ${schemaVersion}` }];
}

async function lookAtDisk(folder: string): Promise<readonly MissingPart[]> {
  const free = await inTime(freeBytes(folder));
  if (typeof free === 'string') return [{ part: 'disk', message: 'the data folder cannot be looked at' }];
  if (free >= minFreeBytes) return [];
  return [{ part: 'disk', message: `${Math.floor(free / 1_048_576)} MB are free, ${minFreeBytes / 1_048_576} MB are needed` }];
}

interface DatabaseState {
  readonly version: number;
  readonly isReadOnly: boolean;
}

async function readState(db: Database): Promise<DatabaseState> {
  const [row] = await db.query<{ version: number; is_read_only: boolean }>(
    `select coalesce(max(version), 0)::int as version,
      pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on' as is_read_only from schema_migrations`,
  );
  return { version: row?.version ?? 0, isReadOnly: row?.is_read_only ?? false };
}

async function inTime<T>(answer: Promise<T>): Promise<T | string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${boundMs} ms`), boundMs).unref();
  });
  try {
    return await Promise.race([late, answer]);
  } catch {
    return 'it cannot be reached';
  } finally {
    clearTimeout(timer);
  }
}
