import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeOnEachEngine } from '../../support/databases.ts';
import { send } from '../../support/http.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

describeOnEachEngine('operations', (open) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      database: await open(),
      env: { CORS_ORIGIN: 'chrome-extension://abc, https://example.org' },
    });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  it('/health is alive, without a token', async () => {
    const { status, body } = await send('GET', `${server.url}/health`);
    expect(status).toBe(200);
    expect(body).toStrictEqual({ status: 'ok', version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  });

  it('/ready says what is missing', async () => {
    expect(await send('GET', `${server.url}/ready`)).toMatchObject({ status: 200, body: { status: 'ready' } });
    await server.deps.db.query("insert into schema_migrations values (9999, 'later', '', now())");
    const { status, body, headers } = await send('GET', `${server.url}/ready`);
    await server.deps.db.query('delete from schema_migrations where version = 9999');
    expect(status).toBe(503);
    expect(headers.get('retry-after')).toBe('1');
    expect(body).toMatchObject({
      code: 'unavailable',
      errors: [{ path: 'migrations', message: expect.stringContaining('9999') }],
    });
  });

  it('/ready answers while the database is held up', async () => {
    // One connection of PGlite, every one of the pool: whoever asks next waits.
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const holders = Array.from({ length: 10 }, () => server.deps.db.transaction(() => held));
    const { status, body } = await send('GET', `${server.url}/ready`);
    release();
    await Promise.all(holders);
    expect({ status, body }).toMatchObject({ status: 503, body: { errors: [{ path: 'database' }] } });
  });

  it('a configured origin may call, another may not', async () => {
    const preflight = (origin: string) =>
      fetch(`${server.url}/api/v1/auth/me`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'PATCH', 'access-control-request-headers': 'authorization' },
      });
    const allowed = await preflight('chrome-extension://abc');
    expect(allowed.headers.get('access-control-allow-origin')).toBe('chrome-extension://abc');
    expect(allowed.headers.get('access-control-allow-methods')).toContain('PATCH');
    expect(allowed.headers.get('access-control-allow-headers')).toContain('authorization');
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
  });
});
