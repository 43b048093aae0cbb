/** Two servers of this process on one database. */

import { startTestServer, type TestServer } from './server.ts';
import type { TestDatabase } from './test-database.ts';

export interface TwoServers extends AsyncDisposable {
  readonly here: TestServer;
  readonly elsewhere: TestServer;
}

/** The database goes with the first of them. */
export async function startTwoServers(database: TestDatabase, env: Readonly<Record<string, string>>): Promise<TwoServers> {
  const here = await startTestServer({ database, env });
  const elsewhere = await startTestServer({ database: { ...database, [Symbol.asyncDispose]: async () => {} }, env });
  return {
    here,
    elsewhere,
    async [Symbol.asyncDispose]() {
      await elsewhere[Symbol.asyncDispose]();
      await here[Symbol.asyncDispose]();
    },
  };
}
