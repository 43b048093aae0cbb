/** Refresh tokens rotate: each works once. A second use means that somebody else holds it, and ends the whole session. */
import type { DeviceId, SessionId, UserId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Queryable } from '../infra/database.ts';
import type { AccessDeps } from './access-deps.ts';
import type { ClaimedDevice } from './claim-device.ts';
import { endSessions } from './end-sessions.ts';
import { newRefreshToken, parseRefreshToken, type RefreshToken } from './refresh-token.ts';
import { deleteExpired, type IssuedToken, insertRefreshToken, issueToken } from './start-session.ts';

export interface Renewal extends IssuedToken {
  readonly refreshToken: string;
}

export type RefreshRefusal = 'unauthorized' | 'refresh_reused' | 'device_revoked';

export async function refresh(deps: AccessDeps, text: string): Promise<Result<Renewal, RefreshRefusal>> {
  const token = parseRefreshToken(text);
  if (token === null) return err('unauthorized');
  const { userId, sessionId } = token;
  const next = newRefreshToken(userId, sessionId);
  const renewed = await deps.db.transaction((tx) => rotate(tx, deps, token, next));
  if (!renewed.ok) {
    if (renewed.error === 'refresh_reused') deps.ended.tell({ userId, sessionId });
    return renewed;
  }
  return ok({ ...(await issueToken(deps, { userId, sessionId, device: renewed.value })), refreshToken: next.text });
}

async function rotate(
  tx: Queryable,
  deps: Pick<AccessDeps, 'now' | 'refreshTokenMs'>,
  used: RefreshToken,
  next: RefreshToken,
): Promise<Result<ClaimedDevice, RefreshRefusal>> {
  const nowMs = deps.now();
  const at = new Date(nowMs);
  if (!(await useOnce(tx, used, at))) return await refuse(tx, used, at);
  const expiresAt = new Date(nowMs + deps.refreshTokenMs);
  const device = await extendSession(tx, used, at, expiresAt);
  if (!device.ok) return device;
  await insertRefreshToken(tx, next, expiresAt);
  await deleteExpired(tx, used.userId, at);
  return device;
}

/** Of two at the same time one gets the row. */
async function useOnce(tx: Queryable, token: RefreshToken, at: Date): Promise<boolean> {
  const rows = await tx.query(
    `update refresh_tokens set used_at = $3::timestamptz
      where user_id = $1::uuid and hash = $2::bytea and used_at is null and expires_at > $3::timestamptz
      returning session_id`,
    [token.userId, token.hash, at],
  );
  return rows.length > 0;
}

async function refuse(tx: Queryable, token: RefreshToken, at: Date): Promise<Result<never, RefreshRefusal>> {
  const row = await tx.kysely
    .selectFrom('refresh_tokens')
    .select('used_at')
    .where('user_id', '=', token.userId)
    .where('hash', '=', token.hash)
    .executeTakeFirst();
  if (row === undefined || row.used_at === null) return err('unauthorized');
  await endSessions(tx, token.userId, at, { only: token.sessionId });
  return err('refresh_reused');
}

interface SessionDeviceRow {
  readonly ordinal: number;
  readonly id: DeviceId;
  readonly name: string;
  readonly is_revoked: boolean;
}

async function extendSession(
  tx: Queryable,
  { userId, sessionId }: { readonly userId: UserId; readonly sessionId: SessionId },
  at: Date,
  expiresAt: Date,
): Promise<Result<ClaimedDevice, RefreshRefusal>> {
  const [device] = await tx.query<SessionDeviceRow & { readonly is_ended: boolean }>(
    `select d.ordinal, d.id, d.name, d.revoked_at is not null as is_revoked, s.ended_at is not null as is_ended
      from sessions s join devices d on d.user_id = s.user_id and d.ordinal = s.device
      where s.user_id = $1::uuid and s.id = $2::uuid for update of s`,
    [userId, sessionId],
  );
  if (device === undefined) return err('unauthorized');
  if (device.is_revoked) return err('device_revoked');
  if (device.is_ended) return err('unauthorized');
  await tx.query('update sessions set expires_at = $3::timestamptz where user_id = $1::uuid and id = $2::uuid', [
    userId,
    sessionId,
    expiresAt,
  ]);
  await tx.query('update devices set last_seen_at = $3::timestamptz where user_id = $1::uuid and ordinal = $2::int', [
    userId,
    device.ordinal,
    at,
  ]);
  return ok({ ordinal: device.ordinal, id: device.id, name: device.name });
}
