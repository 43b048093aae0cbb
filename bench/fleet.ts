/** Many users with two devices each, played by processes of their own, so that their work is not taken for the server's. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from './cleanup.ts';
import { cpuMs } from './cpu-time.ts';

export interface FleetUser {
  /** A UUID: all that the relay knows of a user. */
  readonly name: string;
  readonly token: string;
}

/** What one process is told to play. */
export interface FleetOrder {
  /** The real client, bare frames at our server, or bare frames at the relay. */
  readonly by: 'client' | 'frames' | 'relay';
  readonly url: string;
  readonly users: readonly FleetUser[];
  /** Of each device. Null: each writes again when its last write has arrived. */
  readonly opsPerSecond: number | null;
  readonly ms: number;
  readonly seed: number;
}

export interface FleetResult {
  /** From the first write until the last one has arrived. */
  readonly ms: number;
  /** Of each write, until the user's other device has it, ms. */
  readonly latencies: readonly number[];
}

export type FleetMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'result'; readonly result: FleetResult }
  | { readonly kind: 'failed'; readonly why: string };

export interface FleetMeasure extends FleetResult {
  /** Of the server's process, ms; null where that cannot be told. */
  readonly serverCpuMs: number | null;
}

/** One core stays for the server. */
const workers = Math.max(1, Math.min(2, availableParallelism() - 1));
/** From the moment at which all have said hello: what they have to catch up with, and compilers. */
const settleMs = 1_500;

export async function playFleet(cleanup: Cleanup, serverPid: number, order: FleetOrder): Promise<FleetMeasure> {
  const processes = Array.from({ length: workers }, (_, index) => {
    const users = order.users.filter((_, user) => user % workers === index);
    return startWorker(cleanup, { ...order, users, seed: order.seed * workers + index });
  });
  await Promise.all(processes.map(({ ready }) => ready));
  await sleep(settleMs);
  const before = await cpuMs(serverPid);
  for (const { goOn } of processes) goOn();
  const results = await Promise.all(processes.map(({ result }) => result));
  const after = await cpuMs(serverPid);
  await Promise.all(processes.map(({ end }) => end()));
  return {
    ms: Math.max(...results.map(({ ms }) => ms)),
    latencies: results.flatMap(({ latencies }) => latencies),
    serverCpuMs: before === null || after === null ? null : after - before,
  };
}

interface Worker {
  readonly ready: Promise<void>;
  readonly result: Promise<FleetResult>;
  readonly goOn: () => void;
  readonly end: () => Promise<void>;
}

function startWorker(cleanup: Cleanup, order: FleetOrder): Worker {
  const child = fork(join(import.meta.dirname, 'fleet-worker.js'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const ended = once(child, 'exit');
  const stop = cleanup.defer(async () => void child.kill());
  child.send(order);
  const ready = receive(child, 'ready').then(() => undefined);
  const result = receive(child, 'result').then((message) => message.result);
  // Whoever waits for `ready` hears of a failure first.
  result.catch(() => undefined);
  return {
    ready,
    result,
    goOn: () => child.send('go on'),
    end: async () => {
      child.send('go on');
      await ended;
      await stop();
    },
  };
}

function receive<Kind extends FleetMessage['kind']>(
  child: ChildProcess,
  kind: Kind,
): Promise<Extract<FleetMessage, { kind: Kind }>> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: FleetMessage) => {
      if (message.kind === 'failed') reject(new Error(`a fleet's worker failed: ${message.why}`));
      else if (message.kind === kind) resolve(message as Extract<FleetMessage, { kind: Kind }>);
    });
    child.once('exit', (code, signal) => reject(new Error(`a fleet's worker ended with ${code ?? signal}`)));
  });
}
