/** A Redis of the test's own, to be killed. From the test services' root folder, or the machine's. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { Redis } from 'ioredis';
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

/** @param isCluster a cluster of one node that has all slots. */
export async function startRedisServer({ isCluster = false } = {}): Promise<RedisServer> {
  const port = await freePort();
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
    await untilAnswers(port, isCluster);
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
  const cluster = ['--cluster-enabled', 'yes', '--cluster-config-file', `nodes-${port}-${Date.now()}.conf`];
  const all = [...settings, ...(isCluster ? cluster : [])];
  const isInRoot = existsSync(`${root}/usr/bin/redis-server`);
  return isInRoot
    ? spawn('chroot', [root, 'redis-server', ...all], { stdio: 'ignore' })
    : spawn('redis-server', all, { stdio: 'ignore' });
}

async function untilAnswers(port: number, isCluster: boolean): Promise<void> {
  const client = new Redis({ port, host: '127.0.0.1', retryStrategy: () => 20, maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  try {
    await client.ping();
    if (!isCluster) return;
    await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await eventually(async () => (await client.call('CLUSTER', 'INFO'))?.toString().includes('cluster_state:ok'), 'the cluster');
  } finally {
    client.disconnect();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
