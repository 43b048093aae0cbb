/** `aibrain verify`, `aibrain rebuild`: the commands of the server, each as a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.ts';
import { type Place, placeToEnv } from './place.ts';

export interface CommandResult {
  readonly code: number | null;
  /** What it said on both of its outputs. */
  readonly output: string;
}

const script = join(import.meta.dirname, '../src/server/cli.js');

/** On PGlite no server may have the place open. */
export async function runAibrain(cleanup: Cleanup, place: Place, ...args: readonly string[]): Promise<CommandResult> {
  const child = spawn(process.execPath, [script, ...args], { env: placeToEnv(place), stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = cleanup.defer(async () => void child.kill());
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await once(child, 'close');
  await stop();
  return { code: child.exitCode, output: output.trim() };
}
