/** Where a process under comparison keeps its data, as it is told on its command line. */
import { parseArgs } from 'node:util';
import type { Database } from '../src/server/infra/database.ts';

export type Engine = Database['engine'];

export type Place =
  | { readonly engine: 'postgresql'; readonly databaseUrl: string }
  | { readonly engine: 'pglite'; readonly dataDir: string };

export function placeToArgs(place: Place): string[] {
  return place.engine === 'postgresql' ? ['--database-url', place.databaseUrl] : ['--data-dir', place.dataDir];
}

export function placeFromArgs(): Place {
  const { values } = parseArgs({ strict: false });
  const { 'database-url': databaseUrl, 'data-dir': dataDir } = values;
  if (typeof databaseUrl === 'string') return { engine: 'postgresql', databaseUrl };
  if (typeof dataDir === 'string') return { engine: 'pglite', dataDir };
  throw new Error('give --database-url or --data-dir');
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
