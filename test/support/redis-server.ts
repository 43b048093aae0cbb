/** A Redis of the test's own, to be killed. From the test services' root folder, or the machine's. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Redis } from 'ioredis';
import { freePort } from '../../bench/soak/free-port.ts';
import { eventually } from './eventually.ts';

export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  kill9(): Promise<void>;
  /** At the same address, and empty. Resolves when it answers. */
  start(): Promise<void>;
  /** It is there and says nothing, until it goes on. */
  pause(): void;
  goOn(): void;
}

const root = process.env['SERVICES_ROOT'] ?? '/opt/aibrain-services';

export function startRedisServer(): Promise<RedisServer> {
  return startNode(false);
}

export interface RedisCluster extends AsyncDisposable {
  readonly urls: readonly string[];
}

/** Three nodes, a third of the slots each. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const nodes = await Promise.all([startNode(true), startNode(true), startNode(true)]);
  const clients = nodes.map(({ url }) => new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null }));
  const [first = ''] = nodes.map(({ url }) => url);
  for (const [index, client] of clients.entries()) {
    const from = Math.floor((index * 16_384) / 3);
    await client.call('CLUSTER', 'ADDSLOTSRANGE', `${from}`, `${Math.floor(((index + 1) * 16_384) / 3) - 1}`);
    if (index > 0) await client.call('CLUSTER', 'MEET', '127.0.0.1', new URL(first).port);
  }
  for (const client of clients) {
    await eventually(async () => isWhole(String(await client.call('CLUSTER', 'INFO'))), 'a cluster of three');
    client.disconnect();
  }
  return {
    urls: nodes.map(({ url }) => url),
    async [Symbol.asyncDispose]() {
      for (const node of nodes) await node.kill9();
    },
  };
}

const isWhole = (info: string): boolean => info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:3');

async function startNode(isCluster: boolean): Promise<RedisServer> {
  const port = await lowPort();
  let child: ChildProcess | null = null;
  const kill9 = async (): Promise<void> => {
    const killed = child;
    child = null;
    if (killed === null || killed.exitCode !== null) return;
    const ended = once(killed, 'exit');
    killed.kill('SIGKILL');
    await ended;
  };
  const start = async (): Promise<void> => {
    child = spawnRedis(port, isCluster);
    await untilAnswers(port);
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
    kill9,
    start,
    pause: () => child?.kill('SIGSTOP'),
    goOn: () => child?.kill('SIGCONT'),
    [Symbol.asyncDispose]: kill9,
  };
}

function spawnRedis(port: number, isCluster: boolean): ChildProcess {
  const settings = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', '/tmp'];
  const cluster = [
    '--cluster-enabled',
    'yes',
    '--cluster-announce-ip',
    '127.0.0.1',
    '--cluster-config-file',
    `nodes-${port}-${Date.now()}.conf`,
  ];
  const all = [...settings, ...(isCluster ? cluster : [])];
  const isInRoot = existsSync(`${root}/usr/bin/redis-server`);
  return isInRoot
    ? spawn('chroot', [root, 'redis-server', ...all], { stdio: 'ignore' })
    : spawn('redis-server', all, { stdio: 'ignore' });
}

async function untilAnswers(port: number): Promise<void> {
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  await client.ping();
  client.disconnect();
}

/** A cluster's nodes speak on this port and on the one 10,000 above it. */
async function lowPort(): Promise<number> {
  const port = await freePort();
  return port < 55_000 ? port : await lowPort();
}
