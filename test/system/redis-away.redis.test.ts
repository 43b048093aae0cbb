/** Redis is killed, or falls silent, and comes back. Two nodes on one PostgreSQL; the Redis is the test's own. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { authRates } from '../../src/server/edge/auth-rates.ts';
import { createApi, type Verdict } from '../support/api.ts';
import { testDatabase, testDatabaseUrl } from '../support/databases.ts';
import { TestDevice } from '../support/device.ts';
import { eventually } from '../support/eventually.ts';
import { send } from '../support/http.ts';
import { untilAcquainted } from '../support/node-hints.ts';
import { type RedisServer, startRedisServer } from '../support/redis-server.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { startTwoServers, type TwoServers } from '../support/two-servers.ts';

describe.skipIf(testDatabaseUrl === undefined)('Redis goes away', () => {
  let redis: RedisServer;
  let servers: TwoServers;
  let here: TestServer;
  let elsewhere: TestServer;
  beforeAll(async () => {
    redis = await startRedisServer();
    const database = await testDatabase('postgresql');
    const env = {
      REDIS_URL: redis.url,
      RATE_LIMIT: 'on',
      TRUST_PROXY: '127.0.0.1',
      HEAD_POLL_MS: '50',
      HINTED_HEAD_POLL_MS: '3600000',
    };
    servers = await startTwoServers(database, env);
    ({ here, elsewhere } = servers);
    await untilAcquainted(here.deps, elsewhere.deps);
  });
  afterAll(async () => {
    await servers?.[Symbol.asyncDispose]();
    redis?.goOn();
    await redis?.[Symbol.asyncDispose]();
  });

  const readiness = (query = '') => send<{ status: string; degraded?: unknown }>('GET', `${here.url}/ready${query}`);
  const redisUp = async (): Promise<string | undefined> =>
    /^aibrain_redis_up (\d)$/m.exec(await (await fetch(`${here.url}/metrics`)).text())?.[1];
  const loginFrom = (address: string) =>
    send('POST', `${elsewhere.url}/api/v1/auth/login`, {
      body: { email: 'nobody@example.org', password: 'a long passphrase' },
      headers: { 'x-forwarded-for': address },
    });

  for (const [title, address, fail, mend] of [
    ['killed', '192.0.2.1', () => redis.kill9(), () => redis.start()],
    ['silent', '192.0.2.2', async () => redis.pause(), async () => redis.goOn()],
  ] as const) {
    it(`[SYN-7] [SYN-10] ${title}: no request fails, no event is lost, it is told, and all is as before when it is back`, async () => {
      const user = await here.register();
      const device = await new TestDevice({ url: here.url, token: user.token }).connect();
      await device.untilFrame('WELCOME');
      const there = createApi(elsewhere.url, user);
      const before = await there.create();
      await device.until(() => device.replica.cursor === before.seq, 'a write before');
      for (let i = 0; i < authRates.login / 2; i++) expect((await loginFrom(address)).status).toBe(401);

      await fail();
      // Ten seconds' worth of somebody who is busy, without waiting for anybody to notice.
      for (let i = 0; i < 100; i++) await there.create({ content: `memory ${i}` });
      await device.until(() => device.replica.cursor === 101, 'every write during it');
      await eventually(async () => (await redisUp()) === '0', 'the metric');
      const missing = await readiness();
      expect(missing).toMatchObject({ status: 503, body: { code: 'unavailable' } });
      expect(JSON.stringify(missing.body)).toContain('"path":"redis"');
      expect(await readiness('?degraded=ok')).toMatchObject({
        status: 200,
        body: { status: 'ready', degraded: [{ part: 'redis' }, { part: 'hints' }] },
      });
      // What was used up before stays used up, and the rest of the limit holds.
      for (let i = 0; i < authRates.login / 2; i++) expect((await loginFrom(address)).status).toBe(401);
      expect((await loginFrom(address)).status).toBe(429);

      await mend();
      await eventually(async () => (await redisUp()) === '1', 'the metric');
      await untilAcquainted(here.deps, elsewhere.deps);
      expect(await readiness()).toMatchObject({ status: 200, body: { status: 'ready' } });
      // Written until it is heard: a hint on the way back can fall into the gap, and the head poll is an hour away again.
      let last = 101;
      await eventually(async () => {
        last = (await there.create()).seq;
        return device.replica.cursor > 101;
      }, 'a write after it');
      await device.until(() => device.replica.cursor === last, 'all of them');
      expect(device.replica.rows.size).toBe(last);
      expect((await there.get<Verdict>('/audit/verify')).body).toMatchObject({ verified: true, events: last });
      device.cut();
    }, 90_000);
  }

  it('[SYN-7] a server starts without Redis, and uses it when it comes', async () => {
    await redis.kill9();
    await using late = await startTestServer({ env: { REDIS_URL: redis.url } });
    expect((await send('GET', `${late.url}/health`)).status).toBe(200);
    expect((await send('GET', `${late.url}/ready`)).status).toBe(503);
    expect((await send('GET', `${late.url}/ready?degraded=ok`)).status).toBe(200);
    await redis.start();
    await eventually(async () => (await send('GET', `${late.url}/ready`)).status === 200, 'Redis');
  });
});
