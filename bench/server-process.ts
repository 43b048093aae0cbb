/** A server as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Cleanup } from './cleanup.ts';

export interface ServerProcess {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly pid: number;
  /** Resolves when the process has ended. */
  stop(): Promise<void>;
  /** As a power cut would: nothing is finished, nothing is said. Resolves when the process has ended. */
  kill9(): Promise<void>;
  /** Resolves when the process has ended, whoever ended it. */
  readonly ended: Promise<void>;
}

export interface ProcessOptions {
  /** Absolute path of the script. */
  readonly script: string;
  readonly args?: readonly string[];
  /** Flags of Node itself, e.g. `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const startTimeoutMs = 60_000;
const stopTimeoutMs = 20_000;
const keptLogChars = 4_000;

/** Resolves when the process has said on stdout where it listens. */
export async function startServer(cleanup: Cleanup, options: ProcessOptions): Promise<ServerProcess> {
  const { script, args = [], nodeArgs = [], env = {} } = options;
  const child = spawn(process.execPath, [...nodeArgs, script, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const stop = cleanup.defer(() => end(child));
  try {
    const url = await untilListening(child);
    const ended = hasEnded(child) ? Promise.resolve() : once(child, 'exit').then(() => undefined);
    const kill9 = async (): Promise<void> => {
      child.kill('SIGKILL');
      await ended;
    };
    return { url, pid: child.pid ?? 0, stop, kill9, ended };
  } catch (error) {
    await stop();
    throw error;
  }
}

function untilListening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = '';
    const fail = (why: string): void => {
      clearTimeout(timer);
      reject(new Error(`a server ${why}: ${log}`));
    };
    const timer = setTimeout(fail, startTimeoutMs, `said nothing for ${startTimeoutMs} ms`);
    const keep = (chunk: Buffer): void => {
      log = (log + chunk.toString()).slice(-keptLogChars);
    };
    child.stdout?.on('data', (chunk: Buffer) => {
      keep(chunk);
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(log)?.[0];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
      child.stdout?.removeAllListeners('data').resume();
      child.stderr?.removeListener('data', keep).pipe(process.stderr, { end: false });
    });
    child.stderr?.on('data', keep);
    child.once('error', (error) => fail(error.message));
    child.once('exit', (code, signal) => fail(`ended with ${code ?? signal}`));
  });
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
  await ended;
  clearTimeout(timer);
}
