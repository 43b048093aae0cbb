/** Where a process under comparison keeps its data. */
import type { Database } from '../src/server/infra/database.ts';

export type Engine = Database['engine'];

/** Further settings of the server that is started there. */
export type Settings = Readonly<Record<string, string>>;

export type Place =
  | { readonly engine: 'postgresql'; readonly databaseUrl: string; readonly settings?: Settings }
  | { readonly engine: 'pglite'; readonly dataDir: string };

/** As the server itself is told: in the environment, so that no password shows in a list of processes. */
export function placeToEnv(place: Place): Record<string, string> {
  return place.engine === 'postgresql' ? { DATABASE_URL: place.databaseUrl, ...place.settings } : { DATA_DIR: place.dataDir };
}

export function placeFromEnv({ DATABASE_URL: databaseUrl, DATA_DIR: dataDir }: NodeJS.ProcessEnv): Place {
  if (databaseUrl !== undefined) return { engine: 'postgresql', databaseUrl };
  if (dataDir !== undefined) return { engine: 'pglite', dataDir };
  throw new Error('DATABASE_URL or DATA_DIR is needed');
}

/** The engine that is not used is not loaded: it would count among the bytes of the process. */
export async function openPlace(place: Place): Promise<Database> {
  if (place.engine === 'postgresql') {
    const { openPostgres } = await import('../src/server/infra/postgres.ts');
    return openPostgres({ url: place.databaseUrl });
  }
  const { openEmbedded } = await import('../src/server/infra/embedded.ts');
  return openEmbedded({ dataDir: place.dataDir });
}
