/** The devices of a user: listing, revoking, opening replicas. */
import type { DeviceId, UserId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Replica } from '../command/append-request.ts';
import type { AccessDeps } from './access-deps.ts';
import { claimDevice, type DeviceRefusal } from './claim-device.ts';
import { endSessions } from './end-sessions.ts';
import { lockUser } from './lock-user.ts';
import type { Principal } from './principal.ts';

/** Times are Unix ms. */
export interface Device extends Replica {
  readonly name: string;
  readonly platform: string | null;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  /** How far it has confirmed the log, and how many events it lacks. */
  readonly cursor: number;
  readonly lag: number;
}

/** Those that are not revoked and come after the ordinal, in the order they were added. */
export async function listDevices(
  { db }: Pick<AccessDeps, 'db'>,
  userId: UserId,
  page: { readonly after: number; readonly limit: number },
): Promise<readonly Device[]> {
  const rows = await db.kysely
    .selectFrom('devices as d')
    .innerJoin('user_heads as h', 'h.user_id', 'd.user_id')
    .select(['d.ordinal', 'd.id', 'd.name', 'd.platform', 'd.created_at', 'd.last_seen_at', 'd.cursor', 'h.seq'])
    .where('d.user_id', '=', userId)
    .where('d.revoked_at', 'is', null)
    .where('d.ordinal', '>', page.after)
    .orderBy('d.ordinal')
    .limit(page.limit)
    .execute();
  return rows.map((row) => ({
    ordinal: row.ordinal,
    id: row.id as DeviceId,
    name: row.name,
    platform: row.platform,
    createdAt: row.created_at.getTime(),
    lastSeenAt: row.last_seen_at.getTime(),
    cursor: row.cursor,
    lag: Math.max(0, row.seq - row.cursor),
  }));
}

/** Ends the sessions begun on it and refuses its id from now on. Revoking it again changes nothing. */
export async function revokeDevice(deps: AccessDeps, userId: UserId, id: DeviceId): Promise<Result<void, 'unknown_device'>> {
  const at = new Date(deps.now());
  const ended = await deps.db.transaction(async (tx) => {
    await lockUser(tx, userId);
    const [device] = await tx.query<{ ordinal: number }>(
      `update devices set revoked_at = coalesce(revoked_at, $3::timestamptz)
        where user_id = $1::uuid and id = $2::uuid returning ordinal`,
      [userId, id, at],
    );
    return device === undefined ? null : await endSessions(tx, userId, at, { device: device.ordinal });
  });
  if (ended === null) return err('unknown_device');
  deps.ended.tell({ userId, deviceId: id });
  for (const sessionId of ended) deps.ended.tell({ userId, sessionId });
  return ok(undefined);
}

/**
 * The replica that a socket speaks for: the device of the login, a known one of the user, or a new one, which is registered
 * as a further replica of this session.
 */
export async function openReplica(
  { db, now }: Pick<AccessDeps, 'db' | 'now'>,
  principal: Principal,
  id: DeviceId,
): Promise<Result<Replica, DeviceRefusal>> {
  if (id === principal.device.id) return ok(principal.device); // Authenticated, so not revoked.
  const claimed = await db.transaction(async (tx) => {
    await lockUser(tx, principal.userId);
    return await claimDevice(tx, principal, { id }, new Date(now()));
  });
  return claimed.ok ? ok({ ordinal: claimed.value.ordinal, id }) : claimed;
}

/** Keeps when a device was last seen and how far it has come, for the list of devices. */
export async function touchDevice(
  { db, now }: Pick<AccessDeps, 'db' | 'now'>,
  userId: UserId,
  ordinal: number,
  cursor: number,
): Promise<void> {
  const text = `update devices set last_seen_at = $3::timestamptz, cursor = $4::bigint
    where user_id = $1::uuid and ordinal = $2::int`;
  await db.query({ name: 'touch-device', text }, [userId, ordinal, new Date(now()), cursor]);
}
