import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import type { DeviceId, SessionId, UserId } from '../../../src/core/ids.ts';
import { createAccessTokens } from '../../../src/server/access/access-token.ts';
import { createTokenKeys, keyOfSecret } from '../../../src/server/access/token-keys.ts';

const secret = Buffer.alloc(32, 1);
const start = Date.UTC(2026, 0, 1);
const claims = {
  userId: randomUUID() as UserId,
  sessionId: randomUUID() as SessionId,
  deviceId: randomUUID() as DeviceId,
  deviceOrdinal: 3,
  expiresAt: start + 60_000,
};
const { userId, sessionId, expiresAt } = claims;
const key = keyOfSecret(secret);
const tokens = createAccessTokens(createTokenKeys([key]), () => start);

describe('access tokens', () => {
  it('say what they were signed with', async () => {
    const token = await tokens.sign(claims);
    expect(await tokens.verify(token)).toStrictEqual({ userId, sessionId, expiresAt });
    const [header = '', payload = ''] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    expect(JSON.parse(header)).toStrictEqual({ alg: 'HS256', typ: 'JWT', kid: expect.stringMatching(/^.{8}$/) });
    expect(JSON.parse(payload)).toStrictEqual({
      iss: 'aibrain',
      sub: userId,
      sid: sessionId,
      did: claims.deviceId,
      dev: 3,
      iat: start / 1000,
      exp: expiresAt / 1000,
    });
  });

  it('[SEC-4] the key id tells nothing of the key', async () => {
    const [header = ''] = (await tokens.sign(claims)).split('.');
    expect(Buffer.from(header, 'base64url').toString()).not.toContain(secret.toString('base64url').slice(0, 8));
  });

  const jwt = (sid: unknown = sessionId, alg = 'HS256') =>
    new SignJWT({ sid })
      .setProtectedHeader({ alg, kid: key.kid })
      .setIssuer('aibrain')
      .setSubject(userId)
      .setExpirationTime(expiresAt / 1000);
  const unsigned = (header: object) =>
    [header, { iss: 'aibrain', sub: userId, sid: sessionId, exp: expiresAt / 1000 }]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');

  it.each<[string, () => Promise<string> | string]>([
    ['another secret', () => jwt().sign(Buffer.alloc(32, 2))],
    ['another algorithm', () => jwt(sessionId, 'HS512').sign(secret)],
    ['no algorithm', () => `${unsigned({ alg: 'none', kid: key.kid })}.`],
    ['no signature', () => `${unsigned({ alg: 'HS256', kid: key.kid })}.`],
    ['another issuer', () => jwt().setIssuer('somebody').sign(secret)],
    [
      'no end',
      () =>
        new SignJWT({ sid: sessionId })
          .setProtectedHeader({ alg: 'HS256', kid: key.kid })
          .setIssuer('aibrain')
          .setSubject(userId)
          .sign(secret),
    ],
    [
      'an end that was',
      () =>
        jwt()
          .setExpirationTime(start / 1000 - 1)
          .sign(secret),
    ],
    ['a subject that is no id', () => jwt().setSubject('admin').sign(secret)],
    ['a session that is no id', () => jwt(5).sign(secret)],
    ['more than 2 kB', () => jwt().setAudience('a'.repeat(2_000)).sign(secret)],
    ['nothing', () => ''],
    ['NUL', () => '\0.\0.\0'],
  ])('%s is refused', async (_, make) => {
    expect(await tokens.verify(await make())).toBeNull();
  });

  it('one character changed is refused, wherever', async () => {
    const token = await tokens.sign(claims);
    for (let at = 0; at < token.length - 1; at += 7) {
      const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
      expect(await tokens.verify(changed)).toBeNull();
    }
  });
});
