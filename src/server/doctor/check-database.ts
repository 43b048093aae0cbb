/** The database, tried for real: reached, new enough, with its extensions and schema, written to, safe, near, and on time. */
import { type Database, DatabaseError, DatabaseUnavailable } from '../infra/database.ts';
import { databaseChecks } from './database-checks.ts';
import { type Check, type Finding, fail, ok } from './finding.ts';

export interface DatabaseCheckDeps {
  readonly open: () => Promise<Database>;
  /** What is looked at before it is opened; when it says no, it is not. */
  readonly before?: () => Promise<{ readonly findings: readonly Finding[]; readonly canBeOpened: boolean }>;
  /** Unix ms. */
  readonly now: () => number;
}

export interface DatabaseCheckOptions {
  /** Of the newest migration that this server knows. */
  readonly schemaVersion: number;
  readonly poolSize: number;
}

export function checkDatabase({ open, before, now }: DatabaseCheckDeps, options: DatabaseCheckOptions): Check {
  return {
    name: 'database',
    boundMs: 30_000,
    async run() {
      const looked = await before?.();
      if (looked?.canBeOpened === false) return looked.findings;
      return [...(looked?.findings ?? []), ...(await openAndCheck(open, now, options))];
    },
  };
}

async function openAndCheck(
  open: () => Promise<Database>,
  now: () => number,
  options: DatabaseCheckOptions,
): Promise<readonly Finding[]> {
  let db: Database;
  try {
    db = await open();
  } catch (error) {
    return [toFinding(error)];
  }
  try {
    const findings = [ok('database', db.description)];
    for (const check of databaseChecks) findings.push(...(await check(db, { ...options, now })));
    return findings;
  } catch (error) {
    return [toFinding(error)];
  } finally {
    await db.close();
  }
}

const fixByState: ReadonlyMap<string, string> = new Map([
  ['28P01', 'put the right user and password into DATABASE_URL'],
  ['28000', 'put the right user into DATABASE_URL, or let it in by pg_hba.conf'],
  ['3D000', 'make the database (createdb), or put the name of another into DATABASE_URL'],
  ['42501', 'grant the user what it needs: it must own the database, or have CREATE and USAGE on its schema'],
]);

function toFinding(error: unknown): Finding {
  if (error instanceof DatabaseError) {
    const fix = fixByState.get(error.sqlState) ?? `look up SQLSTATE ${error.sqlState}, and the log of the database`;
    return fail('database', error.message, fix);
  }
  if (error instanceof DatabaseUnavailable) {
    const fix = 'start PostgreSQL, and see whether DATABASE_URL has its host and port and a firewall lets this machine through';
    return fail('database', error.message, fix);
  }
  throw error;
}
