/** Tries Redis for real, once: is it there, which one, how fast, does it carry hints. */
import { once } from 'node:events';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisDoorOptions } from './redis.ts';

export interface RedisProbe {
  /** As it says of itself. */
  readonly version: string;
  readonly roundTripMs: number;
  /** A message of our own on a sharded channel came back: Redis 7 or Valkey. */
  readonly carriesHints: boolean;
}

const boundMs = 2_000;

const options = {
  lazyConnect: true,
  connectTimeout: boundMs,
  commandTimeout: boundMs,
  maxRetriesPerRequest: 0,
  retryStrategy: () => null,
} satisfies RedisOptions;

/** @throws Error when it cannot be reached or lets nobody in; the message holds no password. */
export async function probeRedis({ urls, isCluster }: RedisDoorOptions): Promise<RedisProbe> {
  const open = (): Redis | Cluster => (isCluster || urls.length > 1 ? openCluster(urls) : new Redis(urls[0] ?? '', options));
  const client = open();
  const listener = open();
  // What it says while it connects; `connect` rejects with no more than that it did not.
  let lastError: Error | undefined;
  for (const one of [client, listener]) one.on('error', (error: Error) => (lastError = error));
  try {
    await Promise.all([client.connect(), listener.connect()]);
    const roundTripMs = await measureRoundTrip(client);
    return { version: await readVersion(client), roundTripMs, carriesHints: await carriesHints(client, listener) };
  } catch (error) {
    throw lastError ?? error;
  } finally {
    client.disconnect();
    listener.disconnect();
  }
}

function openCluster(urls: readonly string[]): Cluster {
  const { username, password, protocol } = new URL(urls[0] ?? '');
  return new Cluster([...urls], {
    lazyConnect: true,
    shardedSubscribers: true,
    clusterRetryStrategy: () => null,
    slotsRefreshTimeout: boundMs,
    redisOptions: {
      ...options,
      ...(username !== '' && { username: decodeURIComponent(username) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' && { tls: {} }),
    },
  });
}

/** The shortest is the way alone; the others wait for what else the machine does. */
async function measureRoundTrip(client: Redis | Cluster): Promise<number> {
  const tookMs: number[] = [];
  for (let sample = 0; sample < 9; sample++) {
    const startedAt = performance.now();
    await client.ping();
    tookMs.push(performance.now() - startedAt);
  }
  return Math.min(...tookMs);
}

async function readVersion(client: Redis | Cluster): Promise<string> {
  const info = await client.info('server');
  const valkey = /^valkey_version:(\S+)/m.exec(info)?.[1];
  return valkey === undefined ? `Redis ${/^redis_version:(\S+)/m.exec(info)?.[1] ?? 'unknown'}` : `Valkey ${valkey}`;
}

async function carriesHints(client: Redis | Cluster, listener: Redis | Cluster): Promise<boolean> {
  const channel = 'aibrain-doctor';
  try {
    await listener.ssubscribe(channel);
    const heard = once(listener, 'smessage', { signal: AbortSignal.timeout(boundMs) });
    await client.spublish(channel, 'ping');
    await heard;
    return true;
  } catch {
    return false;
  }
}
