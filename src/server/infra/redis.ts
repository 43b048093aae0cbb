/**
 * The one door to Redis (or Valkey), single or a cluster. Nothing here throws into a request: what cannot be done now fails at
 * once, nothing is queued, and the client connects again by itself.
 */
import { Cluster, Redis, type RedisOptions } from 'ioredis';

export interface RedisDoor {
  /** For people: the address, never a password. */
  readonly description: string;
  readonly isUp: boolean;
  /** Since when it is so, Unix ms. */
  readonly since: number;
  /** Adds one to a counter that ends `windowMs` after its first. @throws Error when Redis does not answer in time. */
  count(key: string, windowMs: number): Promise<RedisCount>;
  /** Resolves when it is known to Redis. @throws Error when that cannot be told in time. */
  publish(channel: string, text: string): Promise<void>;
  /**
   * Sharded channels (SSUBSCRIBE), kept over every reconnect. Once, for all of them.
   * @param lost what was published from here on may not have come.
   */
  subscribe(channels: readonly string[], heard: (text: string) => void, lost: () => void): void;
  /** Opens the connection of the subscriptions again: for a silence that no error explains. */
  resubscribe(): void;
  close(): void;
}

export interface RedisCount {
  readonly count: number;
  /** Until the counter ends. */
  readonly leftMs: number;
}

export interface RedisDoorOptions {
  /** `redis://user:password@host:port/0`, or `rediss://`. Several: nodes of one cluster. */
  readonly urls: readonly string[];
  /** One address that is a cluster. */
  readonly isCluster: boolean;
}

export interface RedisDoorDeps {
  /** Unix ms. */
  readonly now: () => number;
  readonly random: () => number;
  /** It answers, or does not any more. Not told of a Redis that never did. */
  readonly onChange?: (isUp: boolean) => void;
}

/** A request waits no longer for a counter, ms. */
const answerTimeoutMs = 500;
/** Without a byte while an answer is owed, after which the connection counts as dead, ms. */
const silenceMs = 1_000;
const connectTimeoutMs = 1_000;

/** INCR and PEXPIRE in one: a counter that lost its end would refuse for ever. Returns what is left of the window. */
const countScript = `local count = redis.call('incr', KEYS[1])
local left = redis.call('pttl', KEYS[1])
if left < 0 then redis.call('pexpire', KEYS[1], ARGV[1]) left = tonumber(ARGV[1]) end
return {count, left}`;

export function openRedis(deps: RedisDoorDeps, { urls, isCluster }: RedisDoorOptions): RedisDoor {
  const [first = ''] = urls;
  return isCluster || urls.length > 1 ? openCluster(deps, urls) : openSingle(deps, first);
}

function openSingle({ random, ...deps }: RedisDoorDeps, url: string): RedisDoor {
  const options = { ...commonOptions, retryStrategy: retryAfter(random) };
  const client = new Redis(url, options);
  let subscriber: Redis | undefined;
  return createDoor(client, deps, {
    description: describe([url]),
    subscribe(channels, heard, lost) {
      // A connection that is subscribed may be silent for long: no bound on that.
      const { socketTimeout: _, ...patient } = options;
      const opened = new Redis(url, { ...patient, autoResubscribe: false });
      subscriber = opened;
      opened.on('error', () => undefined);
      opened.on('close', lost);
      opened.on('smessage', (_channel: string, text: string) => heard(text));
      // What Redis refuses (before 7 it knows no such command) it refuses again: whoever listens finds out, and asks anew.
      opened.on('ready', () => void opened.ssubscribe(...channels).catch(() => undefined));
    },
    resubscribe: () => subscriber?.disconnect(true),
    close() {
      subscriber?.disconnect();
      client.disconnect();
    },
  });
}

/** The client keeps subscribed what was once subscribed, also when slots move. */
function openCluster({ random, ...deps }: RedisDoorDeps, urls: readonly string[]): RedisDoor {
  const { username, password, protocol } = new URL(urls[0] ?? '');
  const client = new Cluster([...urls], {
    enableOfflineQueue: false,
    shardedSubscribers: true,
    clusterRetryStrategy: retryAfter(random),
    maxRedirections: 4,
    slotsRefreshTimeout: connectTimeoutMs,
    redisOptions: {
      connectTimeout: connectTimeoutMs,
      commandTimeout: answerTimeoutMs,
      socketTimeout: silenceMs,
      maxRetriesPerRequest: 0,
      ...(username !== '' && { username: decodeURIComponent(username) }),
      ...(password !== '' && { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' && { tls: {} }),
    },
  });
  let wanted: Set<string> = new Set();
  const subscribeWanted = (): void => {
    // One by one: they live on different nodes.
    for (const channel of wanted) {
      wanted.delete(channel);
      client.ssubscribe(channel).catch(() => wanted.add(channel));
    }
  };
  return createDoor(client, deps, {
    description: `${describe(urls)} (cluster)`,
    subscribe(channels, heard, lost) {
      wanted = new Set(channels);
      client.on('smessage', (_channel: string, text: string) => heard(text));
      client.on('-subscriber', lost);
      client.on('close', lost);
      client.on('subscribersReady', subscribeWanted);
      subscribeWanted();
    },
    resubscribe() {
      subscribeWanted();
      // Looks at every node again, and replaces the subscriptions of those that are gone.
      client.refreshSlotsCache();
    },
    close: () => client.disconnect(),
  });
}

/** What is the same on one server and on a cluster. */
function createDoor(
  client: Redis | Cluster,
  deps: Omit<RedisDoorDeps, 'random'>,
  own: Pick<RedisDoor, 'description' | 'subscribe' | 'resubscribe' | 'close'>,
): RedisDoor {
  const state = watchState(client, deps);
  return {
    ...own,
    get isUp() {
      return state.isUp;
    },
    get since() {
      return state.since;
    },
    async count(key, windowMs) {
      const [reached, leftMs] = (await client.eval(countScript, 1, key, windowMs)) as [number, number];
      return { count: reached, leftMs };
    },
    async publish(channel, text) {
      await client.spublish(channel, text);
    },
  };
}

const commonOptions = {
  connectTimeout: connectTimeoutMs,
  commandTimeout: answerTimeoutMs,
  socketTimeout: silenceMs,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  // What is loading its data answers soon; what does not is tried again from the beginning.
  maxLoadingRetryTime: connectTimeoutMs,
} satisfies RedisOptions;

/** Full jitter: nodes that lost the same Redis do not come back together. */
const retryAfter =
  (random: () => number) =>
  (attempt: number): number =>
    10 + random() * Math.min(2_000, 50 * 2 ** Math.min(attempt, 10));

/** Connected is not enough: ready means that it answers. */
function watchState(
  client: Redis | Cluster,
  { now, onChange }: Omit<RedisDoorDeps, 'random'>,
): { readonly isUp: boolean; readonly since: number } {
  const state = { isUp: false, since: now() };
  const become = (isUp: boolean) => (): void => {
    if (state.isUp === isUp) return;
    Object.assign(state, { isUp, since: now() });
    onChange?.(isUp);
  };
  client.on('ready', become(true));
  client.on('close', become(false));
  client.on('end', become(false));
  // It says why, with an address that may be nobody's business; that it is down is told by the state.
  client.on('error', () => undefined);
  return state;
}

function describe(urls: readonly string[]): string {
  return `Redis at ${urls.map((url) => new URL(url).host).join(', ')}`;
}
