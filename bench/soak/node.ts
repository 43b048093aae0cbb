/** One of the servers of the soak: it is killed and comes back on its port, and its resident set is written down all the time. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from '../cleanup.ts';
import { residentMegabytes } from '../resident-bytes.ts';
import { type ServerProcess, startServer } from '../server-process.ts';

export interface SoakNode {
  readonly name: string;
  readonly url: string;
  /** Of each process that it was, in order. */
  readonly lives: readonly Life[];
  start(): Promise<void>;
  kill9(): Promise<void>;
  stop(): Promise<void>;
  isReady(): Promise<boolean>;
  /** Writes down what is resident now. */
  sample(): Promise<void>;
}

export interface Life {
  /** `atMs`: `performance.now()`. */
  readonly samples: readonly { readonly atMs: number; readonly megabytes: number }[];
  /** It ended, and nobody here ended it. */
  readonly endedByItself: boolean;
}

export interface NodeSpec {
  readonly name: string;
  readonly port: number;
  readonly nodeArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const script = join(import.meta.dirname, '../../src/server/main.js');
/** A start fails while the database comes back; whoever supervises a server starts it again. */
const startAttempts = 20;

export function createNode(cleanup: Cleanup, { name, port, nodeArgs, env }: NodeSpec): SoakNode {
  const url = `http://127.0.0.1:${port}`;
  const lives: { samples: { atMs: number; megabytes: number }[]; endedByItself: boolean }[] = [];
  let process: ServerProcess | null = null;
  const start = async (attempt = 1): Promise<void> => {
    try {
      process = await startServer(cleanup, { script, nodeArgs, env: { ...env, HOST: '127.0.0.1', PORT: String(port) } });
    } catch (error) {
      if (attempt === startAttempts) throw error;
      await sleep(500);
      return start(attempt + 1);
    }
    const [started, life] = [process, { samples: [], endedByItself: false }];
    lives.push(life);
    void started.ended.then(() => {
      life.endedByItself = process === started;
    });
  };
  const end = async (how: 'kill9' | 'stop'): Promise<void> => {
    const ending = process;
    process = null;
    await ending?.[how]();
  };
  return {
    name,
    url,
    lives,
    start: () => start(),
    kill9: () => end('kill9'),
    stop: () => end('stop'),
    isReady: () =>
      fetch(`${url}/ready`, { signal: AbortSignal.timeout(5_000) }).then(
        ({ status }) => status === 200,
        () => false,
      ),
    sample: async () => {
      const megabytes = process === null ? null : await residentMegabytes(process.pid);
      if (megabytes !== null && megabytes > 0) lives.at(-1)?.samples.push({ atMs: performance.now(), megabytes });
    },
  };
}
