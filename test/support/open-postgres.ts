/** Further connections to the database of a test: as a server would open them, or past the pooler. */
import type { Database } from '../../src/server/infra/database.ts';
import { openPostgres, type PostgresOptions } from '../../src/server/infra/postgres.ts';
import type { TestDatabase } from './test-database.ts';
import { testMode } from './test-mode.ts';

export type FurtherOptions = Omit<PostgresOptions, 'url'>;

export function openFurther({ place }: TestDatabase, options: FurtherOptions = {}): Promise<Database> {
  return openPostgres({ url: place, pooler: testMode.pooler, ...options });
}

/** For what needs a session, or must not wait for a connection that others hold. */
export function openDirect({ place, directPlace }: TestDatabase, options: FurtherOptions = {}): Promise<Database> {
  return openPostgres({ url: directPlace ?? place, ...options });
}
