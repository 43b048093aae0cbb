/** Runs `single-row-inserts.js` and hears its rate. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.ts';
import { type Place, placeToEnv } from './place.ts';

export interface SingleRowOptions {
  readonly connections: number;
  readonly users: number;
  readonly rows: number;
}

/** Rows per second. */
export async function runSingleRowInserts(cleanup: Cleanup, place: Place, options: SingleRowOptions): Promise<number> {
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const script = join(import.meta.dirname, 'single-row-inserts.js');
  const child = spawn(process.execPath, [script, ...args], { env: placeToEnv(place), stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = cleanup.defer(async () => void child.kill());
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(child, 'close');
  await stop();
  const rate = Number(output);
  if (!(rate > 0)) throw new Error(`single-row-inserts ended with ${child.exitCode ?? child.signalCode}: ${output}`);
  return rate;
}
