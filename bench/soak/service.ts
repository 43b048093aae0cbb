/** A program that the soak starts for itself, kills and starts again: PostgreSQL, Redis. Nobody else's is touched. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from '../cleanup.ts';

export interface Service {
  readonly name: string;
  readonly url: string;
  /** Resolves when it answers. */
  start(): Promise<void>;
  /** The process and its children, with SIGKILL. Resolves when none of them is left. */
  kill9(): Promise<void>;
}

export interface ServiceSpec {
  readonly name: string;
  readonly url: string;
  readonly command: readonly [program: string, ...args: string[]];
  /** Throws while it does not answer. */
  readonly probe: () => Promise<void>;
  readonly startTimeoutMs: number;
}

const askEveryMs = 100;

export function createService(cleanup: Cleanup, { name, url, command, probe, startTimeoutMs }: ServiceSpec): Service {
  const [program, ...args] = command;
  let child: ChildProcess | undefined;
  const kill9 = async (): Promise<void> => {
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    const children = await childrenOf(child.pid);
    child.kill('SIGKILL');
    for (const pid of children) kill(pid);
    await ended;
    while (await anyRuns(children)) await sleep(askEveryMs);
  };
  cleanup.defer(kill9);
  return {
    name,
    url,
    kill9,
    start: async () => {
      let log = '';
      const started = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      child = started;
      for (const stream of [started.stdout, started.stderr])
        stream.on('data', (chunk: Buffer) => {
          log = (log + chunk.toString()).slice(-4_000);
        });
      const until = performance.now() + startTimeoutMs;
      for (;;) {
        const answer = await probe().then(
          () => null,
          (error: unknown) => error,
        );
        if (answer === null) return;
        if (started.exitCode !== null || performance.now() > until)
          throw new Error(`${name} did not start: ${String(answer)}\n${log}`);
        await sleep(askEveryMs);
      }
    },
  };
}

/** Linux: the kernel keeps the list. */
async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text
    .split(' ')
    .filter((part) => part.trim() !== '')
    .map(Number);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It ended by itself when its parent did.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** A zombie that nobody reaps runs no more. */
async function anyRuns(pids: readonly number[]): Promise<boolean> {
  const states = await Promise.all(
    pids.map((pid) =>
      readFile(`/proc/${pid}/stat`, 'utf8').then(
        (stat) => stat.slice(stat.lastIndexOf(')') + 2)[0] ?? 'Z',
        () => 'Z',
      ),
    ),
  );
  return states.some((state) => state !== 'Z' && state !== 'X');
}
