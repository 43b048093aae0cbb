/** Access tokens: JSON Web Tokens (RFC 7519), HS256. Short-lived; whether their session still stands is asked each time. */
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import { type DeviceId, parseId, type SessionId, type UserId } from '../../core/ids.ts';
import { sha256 } from '../infra/bytes.ts';

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
const algorithm = 'HS256';
/** No token of ours comes near; what does is refused before any work. */
const maxTokenChars = 2_048;

export function createAccessTokens(secret: Uint8Array, now: () => number): AccessTokens {
  const kid = sha256(Buffer.from('aibrain kid'), secret).toString('base64url').slice(0, 8);
  return {
    sign: (claims) =>
      new SignJWT({ sid: claims.sessionId, did: claims.deviceId, dev: claims.deviceOrdinal })
        .setProtectedHeader({ alg: algorithm, typ: 'JWT', kid })
        .setIssuer(issuer)
        .setSubject(claims.userId)
        .setIssuedAt(Math.floor(now() / 1000))
        .setExpirationTime(Math.floor(claims.expiresAt / 1000))
        .sign(secret),
    async verify(token) {
      if (token.length > maxTokenChars) return null;
      const payload = await verifiedPayload(token, secret, now());
      const userId = parseId<UserId>(payload?.sub);
      const sessionId = parseId<SessionId>(payload?.['sid']);
      if (userId === null || sessionId === null || payload?.exp === undefined) return null;
      return { userId, sessionId, expiresAt: payload.exp * 1000 };
    },
  };
}

async function verifiedPayload(token: string, secret: Uint8Array, nowMs: number): Promise<JWTPayload | null> {
  try {
    const options = { algorithms: [algorithm], issuer, requiredClaims: ['sub', 'sid', 'exp'], currentDate: new Date(nowMs) };
    return (await jwtVerify(token, secret, options)).payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}
