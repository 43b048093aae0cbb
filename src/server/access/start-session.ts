/** A session begins: a device, a session row and the first refresh token, in the caller's transaction. */
import { v7 } from 'uuid';
import type { SessionId, UserId } from '../../core/ids.ts';
import { ok, type Result } from '../../core/result.ts';
import type { Queryable } from '../infra/database.ts';
import type { AccessDeps } from './access-deps.ts';
import { type ClaimedDevice, claimDevice, type DeviceClaim, type DeviceRefusal } from './claim-device.ts';
import { newRefreshToken, type RefreshToken } from './refresh-token.ts';

export interface StartedSession {
  readonly userId: UserId;
  readonly sessionId: SessionId;
  readonly device: ClaimedDevice;
  readonly refreshToken: string;
}

/** An access token and when it ends, in Unix ms. */
export interface IssuedToken {
  readonly token: string;
  readonly tokenExpiresAt: number;
}

/** The caller holds the lock of the user's row, or made it. */
export async function startSession(
  tx: Queryable,
  deps: Pick<AccessDeps, 'now' | 'refreshTokenMs'>,
  userId: UserId,
  claim: DeviceClaim,
): Promise<Result<StartedSession, DeviceRefusal>> {
  const nowMs = deps.now();
  const at = new Date(nowMs);
  const expiresAt = new Date(nowMs + deps.refreshTokenMs);
  const sessionId = v7({ msecs: nowMs }) as SessionId;
  const device = await claimDevice(tx, { userId, sessionId }, claim, at);
  if (!device.ok) return device;
  await tx.kysely
    .insertInto('sessions')
    .values({
      user_id: userId,
      id: sessionId,
      device: device.value.ordinal,
      created_at: at,
      expires_at: expiresAt,
      ended_at: null,
    })
    .execute();
  await deleteExpired(tx, userId, at);
  const refreshToken = newRefreshToken(userId, sessionId);
  await insertRefreshToken(tx, refreshToken, expiresAt);
  return ok({ userId, sessionId, device: device.value, refreshToken: refreshToken.text });
}

export async function insertRefreshToken(tx: Queryable, token: RefreshToken, expiresAt: Date): Promise<void> {
  await tx.kysely
    .insertInto('refresh_tokens')
    .values({ user_id: token.userId, hash: token.hash, session_id: token.sessionId, expires_at: expiresAt, used_at: null })
    .execute();
}

/** Used refresh tokens are kept while a thief could try them, ended sessions while an access token could name them; no longer. */
export async function deleteExpired(tx: Queryable, userId: UserId, at: Date): Promise<void> {
  await tx.kysely.deleteFrom('refresh_tokens').where('user_id', '=', userId).where('expires_at', '<', at).execute();
  // Those of API keys go with the keys, and with their devices (api-keys.ts).
  await tx.query(
    `delete from sessions s where s.user_id = $1::uuid and s.expires_at < $2::timestamptz
      and not exists (select from api_keys k where k.user_id = s.user_id and k.id = s.id)`,
    [userId, at],
  );
}

export async function issueToken(
  deps: Pick<AccessDeps, 'now' | 'accessTokenMs' | 'tokens'>,
  session: Pick<StartedSession, 'userId' | 'sessionId' | 'device'>,
): Promise<IssuedToken> {
  // A token tells its end in whole seconds.
  const expiresAt = Math.floor((deps.now() + deps.accessTokenMs) / 1000) * 1000;
  const { userId, sessionId, device } = session;
  const claims = { userId, sessionId, deviceId: device.id, deviceOrdinal: device.ordinal, expiresAt };
  return { token: await deps.tokens.sign(claims), tokenExpiresAt: expiresAt };
}
