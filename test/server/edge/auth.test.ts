import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { idSchema } from '../../../src/core/ids.ts';
import { accountSchema, loginSchema, meSchema, renewalSchema } from '../../../src/server/edge/auth-schemas.ts';
import type { Problem } from '../../../src/server/edge/problem.ts';
import { describeOnEachEngine } from '../../support/databases.ts';
import { type Sent, send } from '../../support/http.ts';
import { startTestServer, type TestServer, testPassword } from '../../support/server.ts';

type Login = z.infer<typeof loginSchema>;
type Renewal = z.infer<typeof renewalSchema>;
type Me = z.infer<typeof meSchema>;
interface DeviceList {
  readonly devices: readonly {
    readonly id: string;
    readonly name: string;
    readonly platform: string | null;
    readonly lag: number;
    readonly current: boolean;
  }[];
  readonly nextCursor: string | null;
}

const newEmail = (): string => `${randomUUID()}@example.org`;

describeOnEachEngine('/auth', (open) => {
  let server: TestServer;
  /** Moved by hand: tokens expire when a test says so. */
  let ahead = 0;
  beforeAll(async () => {
    server = await startTestServer({ database: await open(), now: () => Date.now() + ahead });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  const call = <T = Problem>(method: string, path: string, sent: Sent = {}) =>
    send<T>(method, `${server.url}/api/v1/auth${path}`, sent);
  const login = async (email: string, device?: object) =>
    await call<Login>('POST', '/login', { body: { email, password: testPassword, ...(device && { device }) } });
  const isAccepted = async (token: string): Promise<boolean> => (await call('GET', '/me', { token })).status === 200;

  describe('register and login', () => {
    it('register answers with user, tokens and device, and the token opens /auth/me', async () => {
      const email = newEmail();
      const device = { id: randomUUID(), name: 'Laptop', platform: 'chrome' };
      const answer = await call<Login>('POST', '/register', {
        body: { email: `  ${email.toUpperCase()} `, password: testPassword, device },
      });
      expect(answer.status).toBe(201);
      expect(loginSchema.strict().parse(answer.body)).toMatchObject({
        user: { email },
        device: { id: device.id, name: 'Laptop' },
      });
      const me = await call<Me>('GET', '/me', { token: answer.body.token });
      expect(meSchema.strict().parse(me.body)).toStrictEqual({
        user: { ...answer.body.user, settings: {} },
        device: { id: device.id, name: 'Laptop' },
        session: { id: expect.any(String) },
        counts: { memories: 0, devices: 1, conflicts: 0 },
      });
    });

    it('a taken e-mail is 409, however it is written', async () => {
      const { email } = await server.register();
      const again = await call('POST', '/register', { body: { email: ` ${email.toUpperCase()}`, password: testPassword } });
      expect(again).toMatchObject({ status: 409, body: { code: 'email_taken' } });
    });

    it('of many that register one e-mail at once, one gets it', async () => {
      const body = { email: newEmail(), password: testPassword };
      const answers = await Promise.all(Array.from({ length: 5 }, () => call('POST', '/register', { body })));
      expect(answers.map(({ status }) => status).sort()).toStrictEqual([201, 409, 409, 409, 409]);
    });

    it.each(['short', 'password123', 'PassWord1234', 'aaaaaaaaaaaa', 'x'.repeat(257)])('weak password %s', async (password) => {
      const answer = await call('POST', '/register', { body: { email: newEmail(), password } });
      expect(answer).toMatchObject({ status: 400, body: { code: 'weak_password', errors: [{ path: 'password' }] } });
    });

    it('the e-mail is no password', async () => {
      const email = newEmail();
      const answer = await call('POST', '/register', { body: { email, password: email } });
      expect(answer.body.code).toBe('weak_password');
    });

    it('login begins a further session on a device of its own', async () => {
      const user = await server.register();
      const answer = await login(user.email);
      expect(answer.status).toBe(200);
      expect(loginSchema.strict().parse(answer.body)).toMatchObject({ user: user.user, device: { name: 'Device 2' } });
      expect(answer.body.device.id).not.toBe(user.device.id);
      expect([await isAccepted(user.token), await isAccepted(answer.body.token)]).toStrictEqual([true, true]);
    });

    it('login with the id of a known device uses it again and takes its new name', async () => {
      const user = await server.register();
      const answer = await login(user.email, { id: user.device.id.toUpperCase(), name: 'Renamed' });
      expect(answer.body.device).toStrictEqual({ id: user.device.id, name: 'Renamed' });
      const { body } = await call<DeviceList>('GET', '/devices', { token: answer.body.token });
      expect(body.devices).toHaveLength(1);
    });

    it('many logins at once get devices of their own', async () => {
      const user = await server.register();
      const logins = await Promise.all(Array.from({ length: 8 }, () => login(user.email)));
      expect(logins.map(({ status }) => status)).toStrictEqual(Array(8).fill(200));
      expect(new Set(logins.map(({ body }) => body.device.name)).size).toBe(8);
    });

    it('wrong e-mail and wrong password get the same answer', async () => {
      const { email } = await server.register();
      const wrong = await call('POST', '/login', { body: { email, password: 'not the password' } });
      const unknown = await call('POST', '/login', { body: { email: newEmail(), password: testPassword } });
      expect(wrong.status).toBe(401);
      expect(wrong.body.code).toBe('invalid_credentials');
      expect({ ...unknown.body, requestId: '' }).toStrictEqual({ ...wrong.body, requestId: '' });
      const names = (headers: Headers) => [...headers.keys()].sort();
      expect(names(unknown.headers)).toStrictEqual(names(wrong.headers));
    });
  });

  describe('tokens', () => {
    it('the scheme is the same in any case', async () => {
      const { token } = await server.register();
      for (const scheme of ['Bearer', 'bearer', 'BEARER ']) {
        expect((await call('GET', '/me', { headers: { authorization: `${scheme} ${token}` } })).status).toBe(200);
      }
    });

    it.each([
      ['nothing', undefined],
      ['no token', 'Bearer'],
      ['another scheme', 'Basic YTpi'],
      ['garbage', 'Bearer garbage'],
      ['garbage with dots', 'Bearer a.b.c'],
      [
        'no signature',
        `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from('{"sub":"1"}').toString('base64url')}.`,
      ],
      ['much of it', `Bearer ${'a'.repeat(10_000)}`],
    ])('%s is unauthorized', async (_, authorization) => {
      const answer = await call('GET', '/me', authorization === undefined ? {} : { headers: { authorization } });
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    });

    it('a token in the query opens no route', async () => {
      const { token } = await server.register();
      expect((await call('GET', `/me?token=${token}`)).status).toBe(401);
    });

    it('an expired token is refused; refreshing gives one that is not', async () => {
      const user = await server.register();
      ahead += 15 * 60_000 + 1_000;
      expect(await isAccepted(user.token)).toBe(false);
      const { status, body } = await call<Renewal>('POST', '/refresh', { body: { refreshToken: user.refreshToken } });
      expect(status).toBe(200);
      expect(renewalSchema.strict().parse(body)).toStrictEqual(body);
      expect(Date.parse(body.tokenExpiresAt) - Date.now() - ahead).toBeGreaterThan(14 * 60_000);
      expect(await isAccepted(body.token)).toBe(true);
    });

    it('refresh tokens rotate, each works once, a second use ends the session', async () => {
      const user = await server.register();
      const first = await call<Renewal>('POST', '/refresh', { body: { refreshToken: user.refreshToken } });
      const second = await call<Renewal>('POST', '/refresh', { body: { refreshToken: first.body.refreshToken } });
      expect(second.status).toBe(200);
      const other = await login(user.email);
      const stolen = await call('POST', '/refresh', { body: { refreshToken: first.body.refreshToken } });
      expect(stolen).toMatchObject({ status: 401, body: { code: 'refresh_reused' } });
      expect([await isAccepted(user.token), await isAccepted(second.body.token)]).toStrictEqual([false, false]);
      const after = await call('POST', '/refresh', { body: { refreshToken: second.body.refreshToken } });
      expect(after).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
      expect(await isAccepted(other.body.token)).toBe(true);
    });

    it('of two uses at once one is served, and the session ends', async () => {
      const { refreshToken, token } = await server.register();
      const both = await Promise.all([1, 2].map(() => call('POST', '/refresh', { body: { refreshToken } })));
      expect(both.map(({ status }) => status).sort()).toStrictEqual([200, 401]);
      expect(await isAccepted(token)).toBe(false);
    });

    it('an expired refresh token is unauthorized', async () => {
      const { refreshToken } = await server.register();
      ahead += 30 * 86_400_000 + 1_000;
      const answer = await call('POST', '/refresh', { body: { refreshToken } });
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    });

    it('unknown refresh tokens are unauthorized, also with the ids of another', async () => {
      const { refreshToken } = await server.register();
      const [user, session] = refreshToken.split('.');
      const forged = `${user}.${session}.${'A'.repeat(43)}`;
      for (const text of ['', 'x', 'a.b.c', forged, `${refreshToken}.x`, `${refreshToken} `]) {
        expect((await call('POST', '/refresh', { body: { refreshToken: text } })).body.code).toBe('unauthorized');
      }
      expect((await call('POST', '/refresh', { body: { refreshToken } })).status).toBe(200);
    });

    it('logout refuses the token and its refresh token at once, and no other', async () => {
      const user = await server.register();
      const other = await login(user.email);
      expect(await call('POST', '/logout', { token: user.token })).toMatchObject({ status: 204, body: undefined });
      expect([await isAccepted(user.token), await isAccepted(other.body.token)]).toStrictEqual([false, true]);
      expect((await call('POST', '/refresh', { body: { refreshToken: user.refreshToken } })).body.code).toBe('unauthorized');
    });
  });

  describe('account', () => {
    it('settings are kept as they were sent, in place of those before', async () => {
      const { token } = await server.register();
      const settings = { theme: 'dark', nested: { list: [1, 'ü', null, true] }, '': 0.5, 'a.b': '__proto__' };
      await call('PATCH', '/me', { token, body: { settings: { old: true } } });
      const changed = await call('PATCH', '/me', { token, body: { settings } });
      expect(changed.status).toBe(200);
      expect(accountSchema.strict().parse(changed.body).user.settings).toStrictEqual(settings);
      expect((await call<Me>('GET', '/me', { token })).body.user.settings).toStrictEqual(settings);
    });

    it('a changed password ends every other session', async () => {
      const user = await server.register();
      const other = await login(user.email);
      const next = 'another long passphrase';
      const changed = await call('POST', '/password', { token: user.token, body: { current: testPassword, next } });
      expect(changed.status).toBe(204);
      expect([await isAccepted(user.token), await isAccepted(other.body.token)]).toStrictEqual([true, false]);
      expect((await login(user.email)).status).toBe(401);
      expect((await call('POST', '/login', { body: { email: user.email, password: next } })).status).toBe(200);
    });

    it('a password is not changed without the current one, or to a weak one', async () => {
      const user = await server.register();
      const wrong = await call('POST', '/password', {
        token: user.token,
        body: { current: 'not the password', next: 'another long passphrase' },
      });
      expect(wrong).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } });
      const weak = await call('POST', '/password', { token: user.token, body: { current: testPassword, next: 'short' } });
      expect(weak).toMatchObject({ status: 400, body: { code: 'weak_password', errors: [{ path: 'next' }] } });
      expect((await login(user.email)).status).toBe(200);
    });

    it('an account is not erased without its password', async () => {
      const user = await server.register();
      const answer = await call('DELETE', '/me', { token: user.token, body: { password: 'not the password' } });
      expect(answer).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } });
      expect(await isAccepted(user.token)).toBe(true);
    });

    it('an erased account is gone, and its e-mail is free', async () => {
      const user = await server.register();
      expect((await call('DELETE', '/me', { token: user.token, body: { password: testPassword } })).status).toBe(204);
      expect(await isAccepted(user.token)).toBe(false);
      expect((await login(user.email)).body).toMatchObject({ code: 'invalid_credentials' });
      expect((await call('POST', '/refresh', { body: { refreshToken: user.refreshToken } })).body.code).toBe('unauthorized');
      expect((await server.register(user.email)).user.id).not.toBe(user.user.id);
    });
  });

  describe('devices', () => {
    it('are listed by page, oldest first', async () => {
      const user = await server.register();
      await login(user.email, { name: 'Two', platform: 'firefox' });
      const { body: three } = await login(user.email, { name: 'Three' });
      const first = await call<DeviceList>('GET', '/devices?limit=2', { token: three.token });
      expect(first.body.devices).toMatchObject([
        { id: user.device.id, name: 'Device 1', platform: null, lag: 0, current: false },
        { name: 'Two', platform: 'firefox' },
      ]);
      const second = await call<DeviceList>('GET', `/devices?limit=2&cursor=${first.body.nextCursor}`, { token: three.token });
      expect(second.body).toMatchObject({ devices: [{ id: three.device.id, current: true }], nextCursor: null });
    });

    it('show how many events they have not confirmed', async () => {
      const user = await server.register();
      const { deps } = server;
      await deps.db.query('update user_heads set seq = 10 where user_id = $1::uuid', [user.user.id]);
      const principal = await deps.access.authenticate(user.token);
      if (!principal.ok) throw new Error(principal.error);
      await deps.access.touchDevice(principal.value.userId, principal.value.device.ordinal, 7);
      const { body } = await call<DeviceList>('GET', '/devices', { token: user.token });
      expect(body.devices).toMatchObject([{ cursor: 7, lag: 3 }]);
    });

    it('a revoked one is refused with its tokens, and is not used again', async () => {
      const user = await server.register();
      const phone = await login(user.email, { name: 'Phone' });
      const revoked = await call('DELETE', `/devices/${phone.body.device.id}`, { token: user.token });
      expect(revoked.status).toBe(204);
      expect(await call('GET', '/me', { token: phone.body.token })).toMatchObject({
        status: 403,
        body: { code: 'device_revoked' },
      });
      const renewal = await call('POST', '/refresh', { body: { refreshToken: phone.body.refreshToken } });
      expect(renewal.body.code).toBe('device_revoked');
      expect((await login(user.email, { id: phone.body.device.id })).body).toMatchObject({ code: 'device_revoked' });
      expect(await isAccepted(user.token)).toBe(true);
      const { body } = await call<DeviceList>('GET', '/devices', { token: user.token });
      expect(body.devices.map(({ id }) => id)).toStrictEqual([user.device.id]);
      expect((await call('DELETE', `/devices/${phone.body.device.id}`, { token: user.token })).status).toBe(204);
    });

    it('[SEC-1] another user’s device is unknown, and stays', async () => {
      const [mine, theirs] = [await server.register(), await server.register()];
      const answer = await call('DELETE', `/devices/${theirs.device.id}`, { token: mine.token });
      expect(answer).toMatchObject({ status: 404, body: { code: 'unknown_device' } });
      expect(await isAccepted(theirs.token)).toBe(true);
      const { body } = await call<DeviceList>('GET', '/devices', { token: mine.token });
      expect(body.devices.map(({ id }) => id)).toStrictEqual([mine.device.id]);
    });

    it('[SEC-1] two users may have devices of the same id', async () => {
      const id = randomUUID();
      const logins = [await server.register(), await server.register()].map(({ email }) => login(email, { id }));
      expect((await Promise.all(logins)).map(({ body }) => body.device.id)).toStrictEqual([id, id]);
    });
  });

  it('[SEC-2] every route refuses unknown keys, and names them', async () => {
    const { token } = await server.register();
    const bodies: Readonly<Record<string, object>> = {
      'POST /register': { email: newEmail(), password: testPassword },
      'POST /login': { email: newEmail(), password: testPassword },
      'POST /refresh': { refreshToken: 'x' },
      'PATCH /me': { settings: {} },
      'POST /password': { current: testPassword, next: testPassword },
      'DELETE /me': { password: testPassword },
    };
    for (const [route, body] of Object.entries(bodies)) {
      const [method = '', path = ''] = route.split(' ');
      const answer = await call(method, path, { token, body: { ...body, extra: 1 } });
      expect({ route, ...answer }).toMatchObject({
        status: 400,
        body: { errors: [{ path: 'extra', message: 'is not a known field' }] },
      });
    }
    expect(idSchema().safeParse((await call<Me>('GET', '/me', { token })).body.user.id).success).toBe(true);
  });
});
