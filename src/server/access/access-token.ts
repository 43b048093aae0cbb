/** Access tokens: JSON Web Tokens (RFC 7519). Short-lived; whether their session still stands is asked each time. */
import { type KeyObject, webcrypto } from 'node:crypto';
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { type DeviceId, parseId, type SessionId, type UserId } from '../../core/ids.ts';
import type { TokenKey, TokenKeys } from './token-keys.ts';

export interface AccessTokenClaims {
  readonly userId: UserId;
  readonly sessionId: SessionId;
  readonly deviceId: DeviceId;
  readonly deviceOrdinal: number;
  /** Unix ms, whole seconds. */
  readonly expiresAt: number;
}

export interface AccessTokens {
  sign(claims: AccessTokenClaims): Promise<string>;
  /** What the token says, or null when it is malformed, expired, or not ours. */
  verify(token: string): Promise<Pick<AccessTokenClaims, 'userId' | 'sessionId' | 'expiresAt'> | null>;
}

const issuer = 'aibrain';
/** No token of ours comes near; what does is refused before any work. */
const maxTokenChars = 2_048;

export function createAccessTokens({ signing, byId }: TokenKeys, now: () => number): AccessTokens {
  const imported = createImports();
  return {
    sign: async (claims) =>
      await new SignJWT({ sid: claims.sessionId, did: claims.deviceId, dev: claims.deviceOrdinal })
        .setProtectedHeader({ alg: signing.algorithm, typ: 'JWT', kid: signing.kid })
        .setIssuer(issuer)
        .setSubject(claims.userId)
        .setIssuedAt(Math.floor(now() / 1000))
        .setExpirationTime(Math.floor(claims.expiresAt / 1000))
        .sign(await imported(signing, signing.signing ?? signing.verifying)),
    async verify(token) {
      if (token.length > maxTokenChars) return null;
      const key = byId.get(keyIdOf(token) ?? '');
      const payload = key === undefined ? null : await verifiedPayload(token, key, await imported(key, key.verifying), now());
      const userId = parseId<UserId>(payload?.sub);
      const sessionId = parseId<SessionId>(payload?.['sid']);
      if (userId === null || sessionId === null || payload?.exp === undefined) return null;
      return { userId, sessionId, expiresAt: payload.exp * 1000 };
    },
  };
}

/** A secret is imported once: jose would do it for each token, which is half of the work of checking one. */
function createImports() {
  const byKey = new Map<TokenKey, Promise<webcrypto.CryptoKey>>();
  return async (key: TokenKey, given: KeyObject): Promise<KeyObject | webcrypto.CryptoKey> => {
    if (key.algorithm !== 'HS256') return given;
    const known = byKey.get(key) ?? importHmac(given);
    byKey.set(key, known);
    return await known;
  };
}

const importHmac = (secret: KeyObject): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('raw', secret.export(), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);

function keyIdOf(token: string): string | undefined {
  try {
    return decodeProtectedHeader(token).kid;
  } catch {
    return undefined;
  }
}

/** The algorithm is the key's own, whatever the token says. */
async function verifiedPayload(
  token: string,
  key: TokenKey,
  verifying: KeyObject | webcrypto.CryptoKey,
  nowMs: number,
): Promise<JWTPayload | null> {
  const requiredClaims = ['sub', 'sid', 'exp'];
  try {
    const options = { algorithms: [key.algorithm], issuer, requiredClaims, currentDate: new Date(nowMs) };
    return (await jwtVerify(token, verifying, options)).payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}
