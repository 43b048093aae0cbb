/** Whether the database answers, and with the schema that this server knows. */
import type { Database } from './database.ts';

export interface MissingPart {
  readonly part: 'database' | 'migrations';
  /** For people; no vendor's words. */
  readonly message: string;
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
