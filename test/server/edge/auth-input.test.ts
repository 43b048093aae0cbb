import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeOnEachEngine } from '../../support/databases.ts';
import { type Sent, send } from '../../support/http.ts';
import { startTestServer, type TestServer, testPassword } from '../../support/server.ts';

/** A lone surrogate and NUL, as JSON writes them. */
const loneSurrogate = '\\ud800';
const nul = '\\u0000';

const valid = { email: 'me@example.org', password: testPassword };

describeOnEachEngine('bad input to /auth', (open) => {
  let server: TestServer;
  let token = '';
  beforeAll(async () => {
    server = await startTestServer({ database: await open() });
    token = (await server.register()).token;
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  const call = (method: string, path: string, sent: Sent = {}) => send(method, `${server.url}/api/v1/auth${path}`, sent);
  const register = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
    call('POST', '/register', { body, headers });
  const rowCount = async (): Promise<number> => {
    const [row] = await server.deps.db.query<{ rows: number }>(
      'select (select count(*) from accounts) + (select count(*) from users) + (select count(*) from devices) as rows',
    );
    return row?.rows ?? 0;
  };

  describe('[SEC-2] names the wrong field, and nothing is written', () => {
    it.each<[string, unknown, string]>([
      ['no e-mail', { password: testPassword }, 'email'],
      ['no password', { email: valid.email }, 'password'],
      ['a number as e-mail', { ...valid, email: 5 }, 'email'],
      ['null as e-mail', { ...valid, email: null }, 'email'],
      ['an object as password', { ...valid, password: { length: 20 } }, 'password'],
      ['a list as password', { ...valid, password: ['a'] }, 'password'],
      ['no address', { ...valid, email: 'nobody' }, 'email'],
      ['an address with spaces', { ...valid, email: 'a b@example.org' }, 'email'],
      ['two addresses', { ...valid, email: 'a@example.org,b@example.org' }, 'email'],
      ['an address with a new line', { ...valid, email: 'a@example.org\nb' }, 'email'],
      ['an address of 255 characters', { ...valid, email: `${'a'.repeat(243)}@example.org` }, 'email'],
      ['an address of 900 kB', { ...valid, email: `${'a'.repeat(900_000)}@example.org` }, 'email'],
      ['a password of nothing', { ...valid, password: '' }, 'password'],
      ['NUL in the e-mail', `{"email":"a${nul}@example.org","password":"${testPassword}"}`, 'email'],
      ['NUL in the password', `{"email":"a@example.org","password":"${testPassword}${nul}"}`, 'password'],
      ['a lone surrogate in the password', `{"email":"a@example.org","password":"${testPassword}${loneSurrogate}"}`, 'password'],
      [
        'a lone surrogate in the name',
        `{"email":"a@example.org","password":"${testPassword}","device":{"name":"${loneSurrogate}"}}`,
        'device.name',
      ],
      [
        'NUL in the platform',
        `{"email":"a@example.org","password":"${testPassword}","device":{"platform":"${nul}"}}`,
        'device.platform',
      ],
      ['a name of nothing', { ...valid, device: { name: '' } }, 'device.name'],
      ['a name of 101 characters', { ...valid, device: { name: 'n'.repeat(101) } }, 'device.name'],
      ['a device id that is none', { ...valid, device: { id: 'laptop' } }, 'device.id'],
      ['the server’s own device id', { ...valid, device: { id: '00000000-0000-0000-0000-000000000000' } }, 'device.id'],
      ['a list as device', { ...valid, device: [] }, 'device'],
      ['a text as device', { ...valid, device: 'laptop' }, 'device'],
      ['an unknown key', { ...valid, admin: true }, 'admin'],
      ['an unknown key within', { ...valid, device: { ordinal: 0 } }, 'device.ordinal'],
      ['constructor as a key', { ...valid, constructor: 1 }, 'constructor'],
      ['a list as body', [valid], ''],
      ['a text as body', '"text"', ''],
      ['null as body', 'null', ''],
      ['__proto__ as a key', `{"email":"a@example.org","password":"${testPassword}","__proto__":{"admin":true}}`, ''],
      [
        '__proto__ as an escaped key',
        `{"email":"a@example.org","password":"${testPassword}","device":{"\\u005f_proto__":1}}`,
        '',
      ],
      [
        'constructor.prototype as a key',
        `{"email":"a@example.org","password":"${testPassword}","constructor":{"prototype":1}}`,
        '',
      ],
    ])('%s', async (_, body, path) => {
      const before = await rowCount();
      for (const route of ['/register', '/login']) {
        const answer = await call('POST', route, { body });
        expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
        expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', status: 400, errors: [{ path }] } });
        expect(answer.body.requestId).toBe(answer.headers.get('x-request-id'));
        expect(JSON.stringify(answer.body).length).toBeLessThan(1_000);
      }
      expect(await rowCount()).toBe(before);
    });

    it('several wrong fields are all named', async () => {
      const { body } = await register({ email: 'nobody', password: 5, device: { name: '' }, extra: 1 });
      expect(body.errors?.map(({ path }) => path).sort()).toStrictEqual(['device.name', 'email', 'extra', 'password']);
    });

    it('a thousand unknown keys of a thousand characters make a short answer', async () => {
      const extra = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`${i}${'k'.repeat(1_000)}`, 1]));
      const { body } = await register({ ...valid, ...extra });
      expect(body.code).toBe('invalid_request');
      expect(JSON.stringify(body).length).toBeLessThan(5_000);
    });

    it.each<[string, unknown]>([
      ['a list', []],
      ['a text', 'dark'],
      ['null', null],
      ['more than 16 KB', { text: 'x'.repeat(16 * 1_024) }],
      ['17 levels', JSON.parse(`${'{"a":'.repeat(17)}1${'}'.repeat(17)}`)],
      ['a lone surrogate', { text: '\ud800' }],
      ['NUL in a key', { 'a\0': 1 }],
      ['NUL deep inside', { a: [{ b: ['\0'] }] }],
    ])('settings that are %s', async (_, settings) => {
      const answer = await call('PATCH', '/me', { token, body: { settings } });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ path: 'settings' }] } });
    });

    it('settings nested without end', async () => {
      const body = `{"settings":${'{"a":'.repeat(150_000)}1${'}'.repeat(150_000)}}`;
      const answer = await call('PATCH', '/me', { token, body });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ path: 'settings' }] } });
    });

    it.each([
      '/devices?limit=0',
      '/devices?limit=x',
      '/devices?limit=1&limit=2',
      '/devices?cursor=x',
      '/devices?cursor=',
      '/devices?offset=1',
    ])('%s', async (path) => {
      const answer = await call('GET', path, { token });
      const name = /\?(\w+)/.exec(path)?.[1];
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ path: name }] } });
    });

    it.each(['x', '%00', randomUUID().slice(1), `${'a'.repeat(99)}`])('a device id of %s', async (id) => {
      const answer = await call('DELETE', `/devices/${id}`, { token });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ path: 'id' }] } });
    });
  });

  describe('[SEC-2] bodies that are none', () => {
    it.each<[string, string | Uint8Array]>([
      ['half an object', '{"email":'],
      ['text', 'email=me'],
      ['a trailing comma', '{"email":"me@example.org",}'],
      ['nothing', ''],
      ['a byte that is not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
      ['half a UTF-8 character', Buffer.from('{"email":"é').subarray(0, -1)],
    ])('%s', async (_, body) => {
      expect(await register(body)).toMatchObject({ status: 400, body: { code: 'invalid_json' } });
    });

    it('no body at all', async () => {
      expect(await call('POST', '/register')).toMatchObject({
        status: 400,
        body: { code: 'invalid_request', errors: [{ path: '' }] },
      });
    });

    it.each(['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'application/json-patch+json', 'x'])(
      '%s',
      async (type) => {
        const answer = await register(valid, { 'content-type': type });
        expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
      },
    );

    it('JSON by another way of writing its type', async () => {
      const answer = await register(
        { ...valid, email: `${randomUUID()}@example.org` },
        { 'content-type': 'Application/JSON; charset=UTF-8' },
      );
      expect(answer.status).toBe(201);
    });

    it('[SEC-3] more than 1 MB', async () => {
      expect(await register({ ...valid, email: 'x'.repeat(1_048_576) })).toMatchObject({
        status: 413,
        body: { code: 'too_large' },
      });
    });
  });

  it('a body is not read before the token is checked', async () => {
    const answer = await call('PATCH', '/me', { body: '{' });
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
  });

  describe('requests that reach no route', () => {
    it.each([
      ['GET', '/api/v1/nothing', 404, 'not_found'],
      ['PUT', '/api/v1/auth/login', 404, 'not_found'],
      ['GET', '/api/v1/auth/%ff', 400, 'invalid_request'],
    ])('%s %s', async (method, path, status, code) => {
      const answer = await send(method, `${server.url}${path}`);
      expect(answer).toMatchObject({ status, body: { code, requestId: answer.headers.get('x-request-id') } });
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    });

    it('what is no HTTP is answered with a problem', async () => {
      const answer = await new Promise<string>((resolve, reject) => {
        let text = '';
        const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => socket.write('hello\r\n\r\n'));
        socket.on('data', (data) => {
          text += data;
        });
        socket.on('error', reject).on('close', () => resolve(text));
      });
      expect(answer).toMatch(/^HTTP\/1.1 400 /);
      expect(answer).toContain('"code":"invalid_request"');
    });
  });
});
