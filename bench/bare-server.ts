/** Starts the bare routes (bare-routes.ts). */
import { join } from 'node:path';
import type { BenchContext } from './benchmark.ts';
import type { Place } from './place.ts';
import { placeToEnv } from './place.ts';
import { type ServerProcess, startServer } from './server-process.ts';

/** @param answers path → JSON. */
export function startBareRoutes(
  { cleanup, nodeArgs }: Pick<BenchContext, 'cleanup' | 'nodeArgs'>,
  place: Place,
  answers: Readonly<Record<string, object>>,
): Promise<ServerProcess> {
  const script = join(import.meta.dirname, 'bare-routes.js');
  const env = { ...placeToEnv(place), BARE_ANSWERS: JSON.stringify(answers) };
  return startServer(cleanup, { script, nodeArgs, env });
}
