import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { authRates } from '../../../src/server/edge/auth-rates.ts';
import { send } from '../../support/http.ts';
import { startTestServer, type TestServer, testPassword } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ env: { RATE_LIMIT: 'on', TRUST_PROXY: '127.0.0.1' } });
});
afterAll(() => server?.[Symbol.asyncDispose]());

const loginFrom = (address: string) =>
  send('POST', `${server.url}/api/v1/auth/login`, {
    body: { email: `${randomUUID()}@example.org`, password: testPassword },
    headers: { 'x-forwarded-for': address },
  });

it('[SEC-3] an address that tries too many passwords waits', async () => {
  for (let i = 1; i <= authRates.login; i++) {
    const { status, headers } = await loginFrom('192.0.2.1');
    expect(status).toBe(401);
    expect(headers.get('ratelimit-limit')).toBe(String(authRates.login));
    expect(headers.get('ratelimit-remaining')).toBe(String(authRates.login - i));
    expect(Number(headers.get('ratelimit-reset'))).toBeGreaterThan(0);
  }
  const limited = await loginFrom('192.0.2.1');
  expect(limited).toMatchObject({ status: 429, body: { code: 'rate_limited', status: 429 } });
  expect(limited.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(limited.headers.get('ratelimit-remaining')).toBe('0');
  expect((await loginFrom('192.0.2.2')).status).toBe(401);
});

it('[SEC-3] the addresses of one IPv6 network count together', async () => {
  for (let i = 0; i < authRates.login; i++) await loginFrom(`2001:db8::${i}`);
  expect((await loginFrom('2001:db8::ffff')).status).toBe(429);
  expect((await loginFrom('2001:db8:1::1')).status).toBe(401);
});

it('a route that asks for no limit has none', async () => {
  const { headers } = await send('GET', `${server.url}/health`);
  expect(headers.get('ratelimit-limit')).toBeNull();
});
