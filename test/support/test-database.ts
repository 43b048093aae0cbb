import type { Database } from '../../src/server/infra/database.ts';

export interface TestDatabase extends AsyncDisposable {
  /** As the owner of the tables. */
  readonly db: Database;
  /** For a server: behind row-level security where TEST_ROW_LEVEL_SECURITY is on; else `db`. */
  readonly fenced: Database;
  /** The URL of the database, or the path of the data folder. */
  readonly place: string;
  /** The URL past the pooler, where there is one. */
  readonly directPlace?: string;
}
