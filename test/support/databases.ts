/**
 * A database of its own for a test file, migrated, thrown away afterwards. PGlite always; PostgreSQL too where
 * TEST_DATABASE_URL names a server on which databases may be created.
 */
import { describe } from 'vitest';
import type { Database } from '../../src/server/infra/database.ts';
import { openTestFolder } from './databases-pglite.ts';
import { openTestClone } from './databases-postgresql.ts';
import type { TestDatabase } from './test-database.ts';

export type { TestDatabase };

export type Engine = Database['engine'];

export interface TestDatabaseOptions {
  /** Without the tables of `migrations/`. */
  readonly isEmpty?: boolean;
}

export type OpenTestDatabase = (options?: TestDatabaseOptions) => Promise<TestDatabase>;

export const testDatabaseUrl: string | undefined = process.env['TEST_DATABASE_URL'];

/** PGlite unless TEST_ENGINE says `postgresql`: then the suites that take what they get run there. */
const usualEngine: Engine = process.env['TEST_ENGINE'] === 'postgresql' ? 'postgresql' : 'pglite';

export function testDatabase(engine: Engine = usualEngine, options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const isEmpty = options.isEmpty ?? false;
  if (engine === 'pglite') return openTestFolder(isEmpty);
  if (testDatabaseUrl === undefined) throw new Error('TEST_DATABASE_URL is not set');
  return openTestClone(testDatabaseUrl, isEmpty);
}

/** Runs the suite on PGlite, unless TEST_ENGINE says `postgresql`, and on PostgreSQL; without TEST_DATABASE_URL that one is skipped. */
export function describeOnEachEngine(title: string, suite: (open: OpenTestDatabase, engine: Engine) => void): void {
  describe.skipIf(usualEngine === 'postgresql')(`${title} on PGlite`, () =>
    suite((options) => testDatabase('pglite', options), 'pglite'),
  );
  describe.skipIf(testDatabaseUrl === undefined)(`${title} on PostgreSQL`, () =>
    suite((options) => testDatabase('postgresql', options), 'postgresql'),
  );
}
