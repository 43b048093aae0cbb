/**
 * Two servers on one PostgreSQL that find nothing by polling (once an hour): what reaches one of the other came by a hint. Run on
 * each way of hints.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MemoryJson } from '../../src/server/edge/memory-json.ts';
import { type Api, createApi } from '../support/api.ts';
import { testDatabase } from '../support/databases.ts';
import { TestDevice } from '../support/device.ts';
import { eventually } from '../support/eventually.ts';
import { send } from '../support/http.ts';
import { untilAcquainted } from '../support/node-hints.ts';
import { type TestServer, type TestUser, testPassword } from '../support/server.ts';
import { startTwoServers, type TwoServers } from '../support/two-servers.ts';

const anHour = '3600000';

/** Polls as rare as they may be. */
export const byHintsAlone = {
  HEAD_POLL_MS: anHour,
  HINTED_HEAD_POLL_MS: anHour,
  SESSION_POLL_MS: '60000',
  SESSION_CACHE_MS: '1500',
};

/** @param envOf where hints go, given the URL of the database. */
export function nodesContract(envOf: (databaseUrl: string) => Readonly<Record<string, string>>): void {
  let servers: TwoServers;
  let here: TestServer;
  let elsewhere: TestServer;
  beforeAll(async () => {
    const database = await testDatabase('postgresql');
    const env = { ...byHintsAlone, ...envOf(database.place) };
    servers = await startTwoServers(database, env);
    ({ here, elsewhere } = servers);
    await untilAcquainted(here.deps, elsewhere.deps);
  });
  afterAll(async () => {
    await servers?.[Symbol.asyncDispose]();
  });

  const connect = async (user: TestUser, device = randomUUID() as string): Promise<TestDevice> => {
    const connected = await new TestDevice({ url: here.url, token: user.token, device }).connect();
    await connected.untilFrame('WELCOME');
    return connected;
  };
  const login = async ({ email, user }: TestUser, password = testPassword): Promise<TestUser> => {
    const body = { email, password };
    const answer = await send<TestUser>('POST', `${elsewhere.url}/api/v1/auth/login`, { body });
    expect(answer.body.user.id).toBe(user.id);
    return { ...answer.body, email, password };
  };
  const there = (user: TestUser): Api => createApi(elsewhere.url, user);
  /** Asked until it is so; the first request makes this node know the token. */
  const untilRefused = async (user: TestUser): Promise<void> => {
    // 403: its device was revoked.
    await eventually(async () => [401, 403].includes((await createApi(here.url, user).get('/auth/me')).status), 'a refusal');
    expect(here.deps.access.recognize(user.token)).toBeNull();
  };

  it('[SYN-7] a write on one node reaches a socket of another', async () => {
    const user = await here.register();
    const device = await connect(user);
    const memory: MemoryJson = await there(user).create({ content: 'from elsewhere' });
    await device.until(() => device.replica.cursor === memory.seq, 'the memory');
    expect(device.replica.rows.size).toBe(1);
    device.cut();
  });

  it('[SYN-7] a hundred writes at once reach it, whole and in order', async () => {
    const user = await here.register();
    const device = await connect(user);
    await Promise.all(Array.from({ length: 100 }, (_, n) => there(user).create({ content: `memory ${n}` })));
    await device.until(() => device.replica.cursor === 100, 'all of them');
    expect(device.replica.rows.size).toBe(100);
    device.cut();
  });

  it('[SYN-9] a logout there closes the sockets of that session here, and refuses its token', async () => {
    const user = await here.register();
    const second = await login(user);
    const [ended, other] = [await connect(user), await connect(second)];
    expect((await createApi(here.url, user).get('/auth/me')).status).toBe(200);
    expect((await there(user).call('POST', '/auth/logout')).status).toBe(204);
    await ended.until(() => ended.closeCode === 4401, 'closed');
    await untilRefused(user);
    expect(other.closeCode).toBeNull();
    expect((await createApi(here.url, second).get('/auth/me')).status).toBe(200);
    other.cut();
  });

  it('[SYN-9] a device that is revoked there is closed here, told so, and refused', async () => {
    const user = await here.register();
    const second = await login(user);
    const [own, replica, other] = [await connect(second, second.device.id), await connect(user), await connect(user)];
    expect((await createApi(here.url, second).get('/auth/me')).status).toBe(200);
    for (const { replica: revoked } of [own, replica])
      expect((await there(user).call('DELETE', `/auth/devices/${revoked.device}`)).status).toBe(204);
    for (const device of [own, replica]) await device.until(() => device.closeCode === 4403, 'closed');
    await untilRefused(second);
    expect(other.closeCode).toBeNull();
    other.cut();
  });

  it('[SYN-9] a change of the password and the end of the account there close sockets here, and refuse their tokens', async () => {
    const user = await here.register();
    const second = await login(user);
    const [first, other] = [await connect(user), await connect(second)];
    for (const one of [user, second]) expect((await createApi(here.url, one).get('/auth/me')).status).toBe(200);
    const change = { current: testPassword, next: 'another long passphrase' };
    expect((await there(second).call('POST', '/auth/password', change)).status).toBe(204);
    await first.until(() => first.closeCode === 4401, 'closed by the password');
    await untilRefused(user);
    expect(other.closeCode).toBeNull();
    expect((await there(second).call('DELETE', '/auth/me', { password: change.next })).status).toBe(204);
    await other.until(() => other.closeCode === 4401, 'closed by the end of the account');
    await untilRefused(second);
  });

  it('[SYN-7] /ready and the metrics say that hints arrive', async () => {
    const { body } = await send<{ status: string; degraded?: unknown }>('GET', `${here.url}/ready`);
    expect(body).toEqual({ status: 'ready' });
    const [heard, told] = await Promise.all([here, elsewhere].map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
    const readValue = (metrics: string | undefined, name: string): number =>
      Number(new RegExp(`^aibrain_${name} (\\d+)$`, 'm').exec(metrics ?? '')?.[1]);
    expect(readValue(heard, 'hints_up')).toBe(1);
    expect(readValue(heard, 'peers')).toBe(1);
    expect(readValue(heard, 'hints_received_total')).toBeGreaterThan(0);
    expect(readValue(told, 'hints_sent_total')).toBeGreaterThan(0);
    expect(readValue(told, 'hint_lag_seconds_count')).toBeGreaterThan(0);
  });
}
