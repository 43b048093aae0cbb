/** Sockets of one server, and sessions that another one ends: two servers on one PostgreSQL database. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/server/config.ts';
import { createApi } from '../../support/api.ts';
import { creation, newMemoryId } from '../../support/append.ts';
import { testDatabase, testDatabaseUrl } from '../../support/databases.ts';
import { TestDevice } from '../../support/device.ts';
import { eventually } from '../../support/eventually.ts';
import { send } from '../../support/http.ts';
import { type TestServer, type TestUser, testPassword } from '../../support/server.ts';
import { startTwoServers, type TwoServers } from '../../support/two-servers.ts';

describe.skipIf(testDatabaseUrl === undefined)('two servers on PostgreSQL', () => {
  let servers: TwoServers;
  let here: TestServer;
  let elsewhere: TestServer;
  beforeAll(async () => {
    const database = await testDatabase('postgresql');
    const env = { SESSION_POLL_MS: '50' };
    servers = await startTwoServers(database, env);
    ({ here, elsewhere } = servers);
  });
  afterAll(async () => {
    await servers?.[Symbol.asyncDispose]();
  });

  const connect = async (user: TestUser, device?: string): Promise<TestDevice> => {
    const connected = await new TestDevice({
      url: here.url,
      token: user.token,
      ...(device !== undefined && { device }),
    }).connect();
    await connected.untilFrame('WELCOME');
    return connected;
  };
  const there = (user: TestUser) => createApi(elsewhere.url, user);

  it('[SYN-9] within two seconds by default: it is looked for every second', () => {
    const config = loadConfig({});
    expect(config.ok && config.value.sessionPollMs).toBe(1_000);
  });

  it('[SYN-9] a logout there closes the sockets of that session here, and of no other', async () => {
    const user = await here.register();
    const body = { email: user.email, password: user.password };
    const second = { ...user, ...(await send<TestUser>('POST', `${elsewhere.url}/api/v1/auth/login`, { body })).body };
    const [ended, replica, other] = [await connect(user), await connect(user, randomUUID()), await connect(second)];
    expect((await there(user).call('POST', '/auth/logout')).status).toBe(204);
    for (const device of [ended, replica]) {
      await device.until(() => device.closeCode === 4401, 'closed');
      expect(device.frames.at(-1)).toMatchObject({ type: 'ERROR', code: 'unauthorized' });
    }
    await other.write(newMemoryId(), creation('still here')).untilCaughtUp();
    other.cut();
  });

  it('[SYN-9] what is ended there is refused here, though no hint came and the token was taken a moment ago', async () => {
    const user = await here.register();
    const { call } = createApi(here.url, user);
    expect((await call('GET', '/auth/me')).status).toBe(200);
    expect(here.deps.access.recognize(user.token)).not.toBeNull();
    expect((await there(user).call('POST', '/auth/logout')).status).toBe(204);
    await eventually(async () => (await call('GET', '/auth/me')).status === 401, 'a refusal');
    const config = loadConfig({});
    expect(config.ok && config.value.sessionCacheMs).toBe(1_000);
  });

  it('[SYN-9] a logout here is refused here at once, with requests of the same token under way', async () => {
    const user = await here.register();
    const { call } = createApi(here.url, user);
    for (let round = 0; round < 5; round++) {
      const login = await send<TestUser>('POST', `${here.url}/api/v1/auth/login`, {
        body: { email: user.email, password: user.password },
      });
      const api = createApi(here.url, { ...user, ...login.body });
      const underWay = Array.from({ length: 20 }, () => api.get('/auth/me'));
      expect((await api.call('POST', '/auth/logout')).status).toBe(204);
      expect((await api.get('/auth/me')).status).toBe(401);
      await Promise.all(underWay);
      expect((await api.get('/auth/me')).status).toBe(401);
    }
    expect((await call('GET', '/auth/me')).status).toBe(200);
  });

  it('[SYN-9] a device that is revoked there is closed here, and told so', async () => {
    const user = await here.register();
    const [device, other] = [await connect(user, randomUUID()), await connect(user, randomUUID())];
    expect((await there(user).call('DELETE', `/auth/devices/${device.replica.device}`)).status).toBe(204);
    await device.until(() => device.closeCode === 4403, 'closed');
    expect(device.frames.at(-1)).toMatchObject({ type: 'ERROR', code: 'device_revoked' });
    await other.write(newMemoryId(), creation('still here')).untilCaughtUp();
    other.cut();
  });

  it('[SYN-9] a change of the password and the end of the account there close sockets here', async () => {
    const user = await here.register();
    const body = { email: user.email, password: user.password };
    const second = { ...user, ...(await send<TestUser>('POST', `${elsewhere.url}/api/v1/auth/login`, { body })).body };
    const [first, other] = [await connect(user), await connect(second)];
    const change = { current: testPassword, next: 'another long passphrase' };
    expect((await there(second).call('POST', '/auth/password', change)).status).toBe(204);
    await first.until(() => first.closeCode === 4401, 'closed by the password');
    expect(other.closeCode).toBeNull();
    expect((await there(second).call('DELETE', '/auth/me', { password: change.next })).status).toBe(204);
    await other.until(() => other.closeCode === 4401, 'closed by the end of the account');
  });

  it('[SYN-9] a session that is no more, however it went, closes its sockets', async () => {
    const user = await here.register();
    const device = await connect(user);
    await elsewhere.deps.db.query('delete from sessions where user_id = $1::uuid', [user.user.id]);
    await device.until(() => device.closeCode === 4401, 'closed');
  });
});
