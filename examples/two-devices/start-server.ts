/** The server as a process of its own, on a folder that is new and goes with it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.ts';
import { endProcess } from './end-process.ts';

const script = join(import.meta.dirname, '../../src/server/main.js');
const startTimeoutMs = 30_000;
const keptChars = 4_000;

/** @returns its address, `http://127.0.0.1:<port>`. */
export async function startServer(cleanup: Cleanup): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aibrain-demo-'));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const child = spawn(process.execPath, [script], { env: serverEnv(folder), stdio: ['ignore', 'pipe', 'pipe'] });
  cleanup.defer(() => endProcess(child));
  return await untilListening(child);
}

/** Only what it needs: with a DATABASE_URL of the caller's the demo would write into a database that is in use. */
function serverEnv(folder: string): NodeJS.ProcessEnv {
  const taken = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'SystemRoot'].map((name) => [name, process.env[name]] as const);
  const own = { HOST: '127.0.0.1', PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'warn', DRAIN_SECONDS: '1' };
  return { ...Object.fromEntries(taken.filter(([, value]) => value !== undefined)), ...own };
}

function untilListening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(`the server ${why}\n${said}`.trim()));
    };
    const timer = setTimeout(fail, startTimeoutMs, `did not listen within ${startTimeoutMs / 1_000} s`);
    const listen = (chunk: Buffer): void => {
      said = (said + chunk.toString()).slice(-keptChars);
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(said)?.[0];
      if (address === undefined) return;
      clearTimeout(timer);
      resolve(address);
    };
    child.stdout?.on('data', listen);
    child.stderr?.on('data', listen);
    child.once('error', (error) => fail(`cannot be started: ${error.message}`));
    child.once('exit', (code, signal) => fail(`ended with ${code ?? signal}`));
  });
}
