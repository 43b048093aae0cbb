/** Requests over keep-alive connections, made by a process of its own (http-load-worker.ts), so that its work is not taken for the server's. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.ts';
import { cpuMs } from './cpu-time.ts';

export interface HttpLoad {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** Each connection sends them in turn, from the first one on again after the last. */
  readonly requests: readonly HttpLoadRequest[];
  readonly token: string | null;
}

export interface HttpLoadRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** JSON. */
  readonly body?: string;
}

export interface HttpLoadResult {
  readonly requestsPerSecond: number;
  readonly answers: number;
  /** Of the process that makes the requests, for each answer, µs. Above the server's, it is what holds the rate back. */
  readonly ownCpuUs: number;
}

export interface HttpLoadMeasure extends HttpLoadResult {
  /** Of the server's process for each answer, µs; null where that cannot be told. */
  readonly serverCpuUs: number | null;
}

export type HttpLoadMessage =
  | { readonly kind: 'result'; readonly result: HttpLoadResult }
  | { readonly kind: 'failed'; readonly why: string };

/** @throws Error when an answer is no success or does not come. */
export async function runHttpLoad(cleanup: Cleanup, serverPid: number, load: HttpLoad): Promise<HttpLoadMeasure> {
  const child = fork(join(import.meta.dirname, 'http-load-worker.js'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const stop = cleanup.defer(async () => void child.kill());
  const before = await cpuMs(serverPid);
  const answered: Promise<[HttpLoadMessage]> = once(child, 'message') as Promise<[HttpLoadMessage]>;
  const ended = once(child, 'exit');
  child.send(load);
  const message = await Promise.race([
    answered.then(([first]) => first),
    ended.then(([code, signal]): HttpLoadMessage => ({ kind: 'failed', why: `it ended with ${code ?? signal}` })),
  ]);
  const after = await cpuMs(serverPid);
  await stop();
  if (message.kind === 'failed') throw new Error(`the load of ${load.requests[0]?.path} failed: ${message.why}`);
  const { result } = message;
  return {
    ...result,
    serverCpuUs: before === null || after === null ? null : ((after - before) * 1_000) / result.answers,
  };
}
