/** The ring of keys: rotation, and what no token may choose. */
import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeProtectedHeader, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DeviceId, SessionId, UserId } from '../../../src/core/ids.ts';
import { type AccessTokens, createAccessTokens } from '../../../src/server/access/access-token.ts';
import { addKey, dropKey, useKey } from '../../../src/server/access/token-key-file.ts';
import { BadTokenKeys, createTokenKeys, keyOfSecret, parseTokenKeys } from '../../../src/server/access/token-keys.ts';

const start = Date.UTC(2026, 0, 1);
const claims = {
  userId: randomUUID() as UserId,
  sessionId: randomUUID() as SessionId,
  deviceId: randomUUID() as DeviceId,
  deviceOrdinal: 1,
  expiresAt: start + 60_000,
};

async function tokensOf(text: string, now = start): Promise<AccessTokens> {
  return createAccessTokens(createTokenKeys(await parseTokenKeys(text)), () => now);
}

describe('token keys', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'aibrain-keys-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['EdDSA', 'HS256'] as const)(
    '[SEC-7] %s: a rotation step by step, refusing nobody before a key is dropped',
    async (algorithm) => {
      const path = join(folder, `${algorithm}.json`);
      const read = (now?: number) => tokensOf(readFileSync(path, 'utf8'), now);
      const first = await addKey(path, algorithm);
      expect(statSync(path).mode & 0o777).toBe(0o600);
      const old = await (await read()).sign(claims);
      expect(decodeProtectedHeader(old)).toStrictEqual({ alg: algorithm, typ: 'JWT', kid: first });

      const second = await addKey(path, 'EdDSA');
      const between = await read();
      expect(decodeProtectedHeader(await between.sign(claims)).kid).toBe(first);
      await useKey(path, second);
      const after = await read();
      const renewed = await after.sign(claims);
      expect(decodeProtectedHeader(renewed)).toMatchObject({ alg: 'EdDSA', kid: second });
      // A node that was not restarted yet takes what the others sign, and they what it signs.
      expect(await between.verify(renewed)).toMatchObject({ userId: claims.userId });
      expect(await after.verify(old)).toMatchObject({ userId: claims.userId });
      expect(await (await read(claims.expiresAt + 1_000)).verify(old)).toBeNull();

      await dropKey(path, first);
      expect(await (await read()).verify(old)).toBeNull();
      expect(await (await read()).verify(renewed)).toMatchObject({ userId: claims.userId });
      await expect(dropKey(path, second)).rejects.toThrow();
      await expect(useKey(path, first)).rejects.toThrow('has no key');
      expect(await (await read()).verify(renewed)).not.toBeNull();
    },
  );

  it('[SEC-7] the public key is no secret to sign with, and a key has one algorithm', async () => {
    const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const secret = Buffer.alloc(32, 3);
    const keys = createTokenKeys([...(await parseTokenKeys(pem)), keyOfSecret(secret)]);
    const tokens = createAccessTokens(keys, () => start);
    const { kid, verifying } = keys.signing;
    const payload = { iss: 'aibrain', sub: claims.userId, sid: claims.sessionId, exp: claims.expiresAt / 1_000 };
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const hmac = (header: object, key: string | Buffer): string => {
      const signed = `${part(header)}.${part(payload)}`;
      return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
    };
    const spki = verifying.export({ type: 'spki', format: 'pem' }).toString();
    const raw = Buffer.from(keys.published[0]?.x ?? '', 'base64url');
    const hmacKid = keyOfSecret(secret).kid;
    const forged = [
      hmac({ alg: 'HS256', kid }, spki),
      hmac({ alg: 'HS256', kid }, raw),
      hmac({ alg: 'HS256', kid }, secret),
      hmac({ alg: 'EdDSA', kid: hmacKid }, secret),
      hmac({ alg: 'HS256' }, secret),
      hmac({ alg: 'HS256', kid: 'unknown' }, secret),
      hmac({ alg: 'HS256', kid: hmacKid, crit: ['x'], x: 1 }, secret),
      `${part({ alg: 'none', kid })}.${part(payload)}.`,
      `${part({ alg: 'none', kid: hmacKid })}.${part(payload)}.`,
      hmac({ alg: 'HS256', kid: 'mine', jwk: { kty: 'oct', k: secret.toString('base64url') } }, secret),
    ];
    for (const token of forged) expect(await tokens.verify(token), decodeURIComponent(token.slice(0, 40))).toBeNull();
    expect(await tokens.verify(hmac({ alg: 'HS256', kid: hmacKid }, secret))).not.toBeNull();
    expect(await tokens.verify(await tokens.sign(claims))).not.toBeNull();
  });

  it('[SEC-7] only public keys are published, whatever the ring holds', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const former = publicKey.export({ format: 'jwk' });
    const present = { ...privateKey.export({ format: 'jwk' }), kid: 'present' };
    const other = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    const oct = { kty: 'oct', k: Buffer.alloc(32, 9).toString('base64url') };
    const keys = createTokenKeys(await parseTokenKeys(JSON.stringify({ keys: [other, oct, present] })));
    expect(keys.signing.algorithm).toBe('HS256');
    expect(keys.published.map((key) => Object.keys(key).sort())).toEqual(
      keys.published.map(() => ['alg', 'crv', 'kid', 'kty', 'use', 'x']),
    );
    expect(keys.published.map(({ x }) => x)).toEqual([other.x, former.x]);
    expect(JSON.stringify(keys.published)).not.toContain(present.d);
  });

  it.each<[string, string, string]>([
    ['nothing', '', 'neither a JWK set nor PEM'],
    ['no key', '{"keys":[]}', 'no JWK set'],
    ['a short secret', '{"keys":[{"kty":"oct","k":"c2VjcmV0c2VjcmV0"}]}', 'less than 32 bytes'],
    ['RSA', '{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}', 'neither Ed25519'],
    ['a secret for none', '{"keys":[{"kty":"oct","alg":"none","k":"c2VjcmV0c2VjcmV0"}]}', 'neither Ed25519'],
    ['a broken key', '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"c2VjcmV0c2VjcmV0","d":"c2VjcmV0"}]}', 'key 1 cannot be read'],
    ['broken PEM', '-----BEGIN PRIVATE KEY-----\nc2VjcmV0c2VjcmV0\n-----END PRIVATE KEY-----', 'block 1 cannot be read'],
    ['public keys alone', publicOnly(), 'no key can sign'],
    ['a kid twice', twice(), 'the same kid'],
  ])('[SEC-4] %s is refused, and not repeated', async (_, text, message) => {
    const refused = await tokensOf(text).then(
      () => null,
      (error: Error) => error,
    );
    expect(refused).toBeInstanceOf(BadTokenKeys);
    expect(refused?.message).toContain(message);
    expect(refused?.message).not.toContain('c2VjcmV0');
  });

  it('[SEC-7] a token signed elsewhere with a key of the ring needs its kid', async () => {
    const secret = Buffer.alloc(32, 3);
    const tokens = createAccessTokens(createTokenKeys([keyOfSecret(secret)]), () => start);
    const jwt = (kid?: string) =>
      new SignJWT({ sid: claims.sessionId })
        .setProtectedHeader({ alg: 'HS256', ...(kid !== undefined && { kid }) })
        .setIssuer('aibrain')
        .setSubject(claims.userId)
        .setExpirationTime(claims.expiresAt / 1_000)
        .sign(secret);
    expect(await tokens.verify(await jwt())).toBeNull();
    expect(await tokens.verify(await jwt(keyOfSecret(secret).kid))).not.toBeNull();
  });
});

function publicOnly(): string {
  return JSON.stringify({ keys: [generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' })] });
}

function twice(): string {
  const keys = [1, 2].map(() => ({ ...generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }), kid: 'a' }));
  return JSON.stringify({ keys });
}
