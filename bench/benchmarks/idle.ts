/**
 * What a socket that said HELLO and does nothing costs: how far the server's resident set grows, per connection. The process is
 * new, so that nothing it let go of before makes room for them. Linux only.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BenchContext, type Benchmark, openReadyDevice } from '../benchmark.ts';
import type { Contestant, SyncUser } from '../contestant.ts';
import type { Device } from '../device.ts';
import { requireOpenFiles } from '../open-files.ts';
import type { Figure } from '../report.ts';
import { idleMegabytes } from '../resident-bytes.ts';
import { startServer } from '../server-process.ts';
import { type OpenSocket, openSocket } from '../socket.ts';
import { alternate, summarize } from '../statistics.ts';

const fullCounts = [1_000, 5_000] as const;
/** Each with as many devices as there are connections to share; a password is hashed for each of them. */
const users = 50;
/** Sockets that are opened at a time. */
const opening = 50;
/** Opened and closed again before anything is measured: code is compiled, pools are full, users are known. */
const warmUp = 200;
/** V8 collects what a quiet process left behind within some seconds. */
const settleMs = 5_000;
const measureMs = 1_000;

export const idle: Benchmark = {
  name: 'idle',
  run: async (context) => {
    if (process.platform !== 'linux') return [];
    const counts = fullCounts.map((count) => context.sized(count));
    await requireOpenFiles(Math.max(...counts) + warmUp);
    const growths = await alternate(context.rounds, {
      ...(context.ours === null ? {} : { ours: measureBy(context, context.ours, counts) }),
      relay: measureBy(context, context.relay, counts),
      bare: () => measureBare(context, counts),
    });
    return counts.flatMap((count, index): Figure[] => {
      const kilobytes = (name: string) => {
        const values = growths[name]?.map((growth) => growth[index] ?? 0);
        return values === undefined ? null : summarize(values);
      };
      const figure = { name: `idle ${count}, per connection`, unit: 'KB', ours: kilobytes('ours') };
      return [
        { ...figure, baselineName: 'bare ws', baseline: kilobytes('bare'), target: { of: 'difference', atMost: 20 } },
        { ...figure, baselineName: 'relay', baseline: kilobytes('relay'), target: null },
      ];
    });
  },
};

/** KB per connection, at each of the counts. */
function measureBy({ cleanup, newStorage }: BenchContext, contestant: Contestant, counts: readonly number[]) {
  return async (): Promise<readonly number[]> => {
    const storage = await newStorage();
    const server = await contestant.start(cleanup, storage.place);
    const accounts = await Promise.all(Array.from({ length: users }, () => server.register(randomUUID())));
    for (const device of await openDevices(accounts, warmUp)) device.close();
    await sleep(settleMs);
    const before = await idleMegabytes(server.pid, measureMs);
    const open: Device[] = [];
    const growths: number[] = [];
    for (const count of counts) {
      open.push(...(await openDevices(accounts, count - open.length)));
      await sleep(settleMs);
      growths.push(((await idleMegabytes(server.pid, measureMs)) - before) * (1_000 / count));
    }
    for (const device of open) device.close();
    await server.stop();
    await storage.drop();
    return growths;
  };
}

/** The same at a server that is nothing but `ws`. */
async function measureBare({ cleanup, nodeArgs }: BenchContext, counts: readonly number[]): Promise<readonly number[]> {
  const server = await startServer(cleanup, { script: join(import.meta.dirname, '../bare-sockets.js'), nodeArgs });
  for (const socket of await openBare(server.url, warmUp)) socket.close();
  await sleep(settleMs);
  const before = await idleMegabytes(server.pid, measureMs);
  const open: OpenSocket[] = [];
  const growths: number[] = [];
  for (const count of counts) {
    open.push(...(await openBare(server.url, count - open.length)));
    await sleep(settleMs);
    growths.push(((await idleMegabytes(server.pid, measureMs)) - before) * (1_000 / count));
  }
  for (const socket of open) socket.close();
  await server.stop();
  return growths;
}

/** Each is asked something once and answers, as those of ours do, whose first frame is a HELLO. */
async function openBare(url: string, count: number): Promise<readonly OpenSocket[]> {
  const sockets: OpenSocket[] = [];
  const queue = Array.from({ length: count }).values();
  const work = async (): Promise<void> => {
    for (const _ of queue) {
      const socket = await openAnswered(url);
      sockets.push(socket);
    }
  };
  await Promise.all(Array.from({ length: opening }, work));
  return sockets;
}

function openAnswered(url: string): Promise<OpenSocket> {
  return new Promise((resolve, reject) => {
    const opening = openSocket(url.replace('http', 'ws'), { onMessage: () => void opening.then(resolve), onFailure: reject });
    opening.then((socket) => socket.send('hello'), reject);
  });
}

async function openDevices(accounts: readonly SyncUser[], count: number): Promise<readonly Device[]> {
  const devices: Device[] = [];
  const queue = Array.from({ length: count }, (_, index) => accounts[index % accounts.length]).values();
  const work = async (): Promise<void> => {
    for (const user of queue) if (user !== undefined) devices.push(await openReadyDevice(user, { decode: false }));
  };
  await Promise.all(Array.from({ length: opening }, work));
  return devices;
}
