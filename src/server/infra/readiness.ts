/** Whether the database answers, and with the schema that this server knows. */
import type { Database } from './database.ts';
import type { RedisDoor } from './redis.ts';

export interface MissingPart {
  readonly part: 'database' | 'migrations' | 'redis' | 'hints' | 'draining';
  /** For people; no vendor's words. */
  readonly message: string;
}

/** What is away while requests are served all the same. */
export interface DegradedPart extends MissingPart {
  /** The contract counts it as missing. */
  readonly isPromised: boolean;
}

/** How long an answer may take, ms. */
const boundMs = 2_000;

/** @param schemaVersion the number of the newest migration this server knows. @returns what is missing. */
export async function missingParts(db: Database, schemaVersion: number): Promise<readonly MissingPart[]> {
  const found = await answerOf(db);
  if (typeof found === 'string') return [{ part: 'database', message: found }];
  if (found === schemaVersion) return [];
  return [{ part: 'migrations', message: `the schema is ${found}, this server needs ${schemaVersion}` }];
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

async function answerOf(db: Database): Promise<number | string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`no answer within ${boundMs} ms`), boundMs).unref();
  });
  try {
    return await Promise.race([late, readSchemaVersion(db)]);
  } catch {
    return 'it cannot be reached';
  } finally {
    clearTimeout(timer);
  }
}

async function readSchemaVersion(db: Database): Promise<number> {
  const [row] = await db.query<{ version: number }>('select coalesce(max(version), 0)::int as version from schema_migrations');
  return row?.version ?? 0;
}
