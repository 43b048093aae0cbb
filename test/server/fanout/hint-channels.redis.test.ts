import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { createRedisHints } from '../../../src/server/fanout/redis-hints.ts';
import { openRedis, type RedisDoor } from '../../../src/server/infra/redis.ts';
import { hintChannelContract } from '../../contract/hint-channel.ts';
import { type RedisCluster, startRedisCluster } from '../../support/redis-server.ts';

const deps = { now: Date.now, random: Math.random };

describe('hints over Redis', () => {
  const doors: RedisDoor[] = [];
  const prefix = `test:${randomUUID()}:`;
  hintChannelContract(() => {
    const door = openRedis(deps, { urls: [process.env['TEST_REDIS_URL'] ?? ''], isCluster: false });
    doors.push(door);
    return createRedisHints(door, prefix);
  });
  afterAll(() => {
    for (const door of doors) door.close();
  });
});

describe('hints over a Redis cluster of three', () => {
  let cluster: RedisCluster;
  const doors: RedisDoor[] = [];
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(async () => {
    for (const door of doors) door.close();
    await cluster[Symbol.asyncDispose]();
  });
  hintChannelContract(() => {
    const door = openRedis(deps, { urls: cluster.urls, isCluster: true });
    doors.push(door);
    return createRedisHints(door, 'test:');
  });
});
