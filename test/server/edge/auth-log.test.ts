import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { redactUrl } from '../../../src/server/edge/logger.ts';
import { send } from '../../support/http.ts';
import { startTestServer, type TestServer, type TestUser, testPassword } from '../../support/server.ts';

let server: TestServer;
let lines = '';

beforeAll(async () => {
  const log = {
    write(line: string): void {
      lines += line;
    },
  };
  server = await startTestServer({ log, env: { LOG_LEVEL: 'trace' } });
});
afterAll(() => server?.[Symbol.asyncDispose]());

it('[SEC-4] no password, token or refresh token reaches the log', async () => {
  const user = await server.register(`${randomUUID()}@example.org`);
  const auth = `${server.url}/api/v1/auth`;
  const { token, refreshToken } = user;
  const next = 'a second long passphrase';
  await send('GET', `${auth}/me?token=${token}`, { token });
  await send('GET', `${auth}/me?a=1&%74oken=${token}`);
  await send('GET', `${server.url}/nothing?token=${token}`, { token });
  await send('GET', `${server.url}/api/v1/sync?token=${token}`);
  await send('POST', `${auth}/login`, { body: { email: user.email, password: 'a wrong long passphrase' } });
  await send('POST', `${auth}/login`, { body: `{"email":"${user.email}","password":"${testPassword}"` });
  await send('POST', `${auth}/password`, { token, body: { current: testPassword, next } });
  const renewed = await send<TestUser>('POST', `${auth}/refresh`, { body: { refreshToken } });
  await send('POST', `${auth}/refresh`, { body: { refreshToken } });
  expect(lines.split('\n').length).toBeGreaterThan(8);
  expect(lines).toContain('token=%5Bredacted%5D');
  const secrets = [
    token,
    refreshToken,
    renewed.body.token,
    renewed.body.refreshToken,
    testPassword,
    next,
    'a wrong long passphrase',
  ];
  for (const secret of secrets) {
    expect(lines).not.toContain(secret);
    expect(lines).not.toContain(encodeURIComponent(secret));
  }
  // What proves a token is its signature.
  expect(lines).not.toContain(token.split('.')[2]);
});

it('[SEC-4] an unexpected error is logged with the request id, and told without its words', async () => {
  const user = await server.register(`${randomUUID()}@example.org`);
  await server.deps.db.script('alter table users rename column settings to moved');
  const answer = await send('GET', `${server.url}/api/v1/auth/me`, { token: user.token });
  await server.deps.db.script('alter table users rename column moved to settings');
  expect(answer).toMatchObject({ status: 500, body: { code: 'internal_error' } });
  expect(JSON.stringify(answer.body)).not.toMatch(/settings|column|users/);
  const line = lines.split('\n').find((text) => text.includes(answer.body.requestId) && text.includes('"level":50'));
  expect(line).toContain('settings');
});

it.each([
  ['/sync', '/sync'],
  ['/sync?device=1', '/sync?device=1'],
  ['/sync?token=a.b.c', '/sync?token=%5Bredacted%5D'],
  ['/sync?x=1&token=a&token=b', '/sync?x=1&token=%5Bredacted%5D'],
  ['/sync?%74oken=a', '/sync?token=%5Bredacted%5D'],
  ['/sync?a=1?token=b', '/sync?a=1?token=b'],
])('[SYN-9] [SEC-4] the log has %s as %s', (url, logged) => {
  expect(redactUrl(url)).toBe(logged);
});
