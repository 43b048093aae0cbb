import type { Database } from '../../src/server/infra/database.ts';

/** A database of its own, thrown away at the end. */
export interface TestDatabase extends AsyncDisposable {
  readonly db: Database;
  /** The data folder, or the URL. */
  readonly place: string;
}
