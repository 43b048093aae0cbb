/** How this node hears of the others: Redis, else PostgreSQL, and polls behind both. */
import { randomUUID } from 'node:crypto';
import type { Access } from '../access/access.ts';
import type { Config } from '../config.ts';
import { startHeadPoll } from '../fanout/head-poll.ts';
import { type HintChannel, noHintChannel } from '../fanout/hint-channel.ts';
import type { Hub } from '../fanout/hub.ts';
import { type NodeHints, startNodeHints } from '../fanout/node-hints.ts';
import { createPostgresHints } from '../fanout/postgres-hints.ts';
import { createRedisHints } from '../fanout/redis-hints.ts';
import type { Database } from '../infra/database.ts';
import type { RedisDoor, RedisDoorDeps } from '../infra/redis.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Log } from './log.ts';

export interface NodesDeps {
  readonly db: Database;
  readonly hub: Hub;
  /** Unix ms. */
  readonly now: () => number;
  /** Monotonic, ms. */
  readonly stopwatch: () => number;
  readonly log: Log;
  readonly access: Access;
  readonly metrics: Metrics;
}

export interface Nodes {
  /** Null: without REDIS_URL. */
  readonly redis: RedisDoor | null;
  readonly hints: NodeHints;
  stop(): Promise<void>;
}

/** A hint waits so long for others, ms: less than anybody notices, and under load hundreds go in one message. */
const hintGatherMs = 2;
const hintProbeMs = 2_000;

export async function startNodes({ db, hub, now, log, access, metrics, stopwatch }: NodesDeps, config: Config): Promise<Nodes> {
  const onRedis = (isUp: boolean): void => {
    if (isUp) log.info({}, 'Redis answers');
    else log.warn({}, 'Redis does not answer: limits count on this node alone');
  };
  const redis = await openRedis(config, { now, random: Math.random, onChange: onRedis });
  const hints = startNodeHints(
    {
      channel: hintChannel(config, redis),
      hub,
      node: randomUUID(),
      stopwatch,
      metrics: metrics.nodes,
      onEnded: access.endedElsewhere,
      onGap: () => headPoll.soon(),
      onState: (isWorking) => {
        const kind = hints.kind;
        if (isWorking) log.info({ kind }, 'hints between nodes arrive');
        else log.warn({ kind }, 'hints between nodes do not arrive: polls find what other nodes write');
      },
    },
    { gatherMs: hintGatherMs, probeMs: hintProbeMs },
  );
  const headPoll = startHeadPoll({ db, hub, onError: (error) => log.warn({ err: error }, 'head poll failed') }, () =>
    hints.isWorking ? config.hintedHeadPollMs : config.headPollMs,
  );
  access.endedSessions.listen((ended, where) => {
    if (where === 'here') hints.tellEnded(ended);
  });
  metrics.nodes.watchNode(() => ({
    isRedisUp: redis === null ? null : redis.isUp,
    areHintsWorking: hints.kind === 'none' ? null : hints.isWorking,
    peers: hints.peers,
  }));
  const stop = async (): Promise<void> => {
    headPoll.stop();
    await hints.stop();
    redis?.close();
  };
  return { redis, hints, stop };
}

/** The embedded database belongs to one process. */
function hintChannel({ nodeHints, redisPrefix, databaseDirectUrl, databaseUrl }: Config, redis: RedisDoor | null): HintChannel {
  if (nodeHints === 'off') return noHintChannel;
  if (redis !== null) return createRedisHints(redis, redisPrefix);
  const url = databaseUrl === null ? null : (databaseDirectUrl ?? databaseUrl);
  return url === null ? noHintChannel : createPostgresHints({ random: Math.random }, url);
}

/** The package is loaded only where Redis is named. */
async function openRedis({ redisUrls: urls, redisCluster }: Config, deps: RedisDoorDeps): Promise<RedisDoor | null> {
  if (urls === null) return null;
  const redis = await import('../infra/redis.ts');
  return redis.openRedis(deps, { urls, isCluster: redisCluster === 'on' });
}
