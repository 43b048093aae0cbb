import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authRates } from '../../../src/server/edge/auth-rates.ts';
import { nodesContract } from '../../contract/nodes.ts';
import { testDatabaseUrl } from '../../support/databases.ts';
import { eventually } from '../../support/eventually.ts';
import { send } from '../../support/http.ts';
import { type RedisCluster, startRedisCluster } from '../../support/redis-server.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

const redisUrl = process.env['TEST_REDIS_URL'] ?? '';

describe.skipIf(testDatabaseUrl === undefined)('two nodes with Redis', () => {
  const REDIS_PREFIX = `test:${randomUUID().slice(0, 8)}:`;
  nodesContract(() => ({ REDIS_URL: redisUrl, REDIS_PREFIX }));
});

describe('limits of two nodes', () => {
  let cluster: RedisCluster;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());

  for (const [title, urls] of [
    ['Redis', () => redisUrl],
    ['a Redis cluster', () => cluster.urls.join(',')],
  ] as const) {
    it(`[SEC-3] count together in ${title}: an address gets as many attempts as on one node`, async () => {
      const env = { RATE_LIMIT: 'on', REDIS_URL: urls(), REDIS_PREFIX: `test:${randomUUID().slice(0, 8)}:` };
      const nodes: readonly TestServer[] = await Promise.all([startTestServer({ env }), startTestServer({ env })]);
      for (const { deps } of nodes) await eventually(() => deps.redis?.isUp, 'Redis');
      const body = { email: 'nobody@example.org', password: 'a long passphrase' };
      const statuses: number[] = [];
      for (let i = 0; i < authRates.login + 2; i++)
        statuses.push((await send('POST', `${nodes[i % 2]?.url}/api/v1/auth/login`, { body })).status);
      expect(statuses).toEqual([...Array.from({ length: authRates.login }, () => 401), 429, 429]);
      for (const node of nodes) await node[Symbol.asyncDispose]();
    });
  }
});
