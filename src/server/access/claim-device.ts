/** A device of the user: a known one by its id, or a new one with the next ordinal. */
import { v7 } from 'uuid';
import { type DeviceId, type SessionId, serverDeviceId, type UserId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Replica } from '../command/append-request.ts';
import type { Queryable } from '../infra/database.ts';
import { accessLimits } from './access-limits.ts';

/** What a caller says of its device. */
export interface DeviceClaim {
  readonly id?: DeviceId | undefined;
  readonly name?: string | undefined;
  readonly platform?: string | undefined;
}

export interface ClaimedDevice extends Replica {
  readonly name: string;
}

export type DeviceRefusal = 'device_revoked' | 'too_many_devices';

export interface DeviceOwner {
  readonly userId: UserId;
  readonly sessionId: SessionId;
}

/** The caller holds the lock of the user's row, or made it: ordinals are given one at a time. */
export async function claimDevice(
  tx: Queryable,
  owner: DeviceOwner,
  claim: DeviceClaim,
  at: Date,
): Promise<Result<ClaimedDevice, DeviceRefusal>> {
  // The server's own id is nobody else's; a device that uses it needs another one, as a revoked one does.
  if (claim.id === serverDeviceId) return err('device_revoked');
  const known = claim.id === undefined ? undefined : await findDevice(tx, owner.userId, claim.id);
  if (known === undefined) return await addDevice(tx, owner, claim, at);
  if (known.revoked_at !== null) return err('device_revoked');
  const name = claim.name ?? known.name;
  await tx.kysely
    .updateTable('devices')
    .set({ name, platform: claim.platform ?? known.platform, session_id: owner.sessionId, last_seen_at: at })
    .where('user_id', '=', owner.userId)
    .where('ordinal', '=', known.ordinal)
    .execute();
  return ok({ ordinal: known.ordinal, id: known.id as DeviceId, name });
}

function findDevice(tx: Queryable, userId: UserId, id: DeviceId) {
  return tx.kysely.selectFrom('devices').selectAll().where('user_id', '=', userId).where('id', '=', id).executeTakeFirst();
}

async function addDevice(
  tx: Queryable,
  { userId, sessionId }: DeviceOwner,
  claim: DeviceClaim,
  at: Date,
): Promise<Result<ClaimedDevice, DeviceRefusal>> {
  const [count] = await tx.query<{ last: number; active: number }>(
    `select coalesce(max(ordinal), 0)::int as last, (count(*) filter (where revoked_at is null))::int as active
      from devices where user_id = $1::uuid`,
    [userId],
  );
  if ((count?.active ?? 0) >= accessLimits.devices) return err('too_many_devices');
  const ordinal = (count?.last ?? 0) + 1;
  const device: ClaimedDevice = {
    ordinal,
    id: claim.id ?? (v7({ msecs: at.getTime() }) as DeviceId),
    name: claim.name ?? `Device ${ordinal}`,
  };
  await tx.kysely
    .insertInto('devices')
    .values({
      ...device,
      user_id: userId,
      platform: claim.platform ?? null,
      session_id: sessionId,
      created_at: at,
      last_seen_at: at,
      revoked_at: null,
    })
    .execute();
  return ok(device);
}
