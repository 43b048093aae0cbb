import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { describeOnEachEngine } from '../../support/databases.ts';
import { send } from '../../support/http.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

interface Operation {
  readonly summary: string;
  readonly security: readonly object[];
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>;
}

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

  describe('/openapi.json', () => {
    let document: OpenApi;
    beforeAll(async () => {
      document = (await send<OpenApi>('GET', `${server.url}/openapi.json`)).body;
    });
    const operations = () =>
      Object.entries(document.paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
      );

    it('has every route, with its parameters and whether it needs a token', () => {
      expect(document.openapi).toBe('3.1.0');
      expect(Object.keys(document.paths)).toEqual(
        expect.arrayContaining(['/health', '/api/v1/auth/register', '/api/v1/auth/devices/{id}']),
      );
      for (const { path, operation } of operations()) {
        const inPath = operation.parameters.filter((parameter) => parameter.in === 'path');
        expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
        expect(inPath.every(({ required }) => required)).toBe(true);
        expect(operation.summary).not.toBe('');
      }
      const open = operations().filter(({ operation }) => operation.security.length === 0);
      expect(open.map(({ path }) => path).sort()).toEqual([
        '/.well-known/jwks.json',
        '/api/v1/auth/login',
        '/api/v1/auth/refresh',
        '/api/v1/auth/register',
        '/health',
        '/metrics',
        '/openapi.json',
        '/ready',
      ]);
    });

    it('names the errors of a route by their codes', () => {
      const register = document.paths['/api/v1/auth/register']?.['post'];
      expect(register?.responses['409']?.description).toContain('email_taken');
      expect(register?.responses['400']?.description).toMatch(/weak_password.*invalid_request.*invalid_json/s);
      expect(Object.keys(register?.responses ?? {})).toEqual(expect.arrayContaining(['201', '413', '415', '429', '500', '503']));
    });

    it('refers to nothing that is not there', () => {
      const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g);
      for (const [, reference = ''] of references) {
        expect(reference).toMatch(/^#\/components\/schemas\//);
        expect(document.components.schemas).toHaveProperty([reference.replace('#/components/schemas/', '')]);
      }
      expect(z.object({}).safeParse(document.components.schemas).success).toBe(true);
    });
  });
});
