/** A server on PostgreSQL where TEST_DATABASE_URL names one, else on PGlite: the suite runs once with and once without. */
import { type TestDatabase, testDatabase, testDatabaseUrl } from '../support/databases.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

export const openDatabase = (): Promise<TestDatabase> => testDatabase(testDatabaseUrl === undefined ? 'pglite' : 'postgresql');

export async function openServer(env: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  return await startTestServer({ database: await openDatabase(), env });
}
