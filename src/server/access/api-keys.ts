/** The API keys of a user: made, listed, revoked. */
import { v7 } from 'uuid';
import type { SessionId, UserId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Queryable } from '../infra/database.ts';
import type { AccessDeps } from './access-deps.ts';
import { accessLimits } from './access-limits.ts';
import { newApiKey } from './api-key.ts';
import { claimDevice } from './claim-device.ts';
import { endSessions } from './end-sessions.ts';
import { lockUser } from './lock-user.ts';
import type { Scope } from './scopes.ts';

/** Times are Unix ms. */
export interface ApiKeyInfo {
  /** Of the session that it stands for, too. */
  readonly id: SessionId;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: number;
  /** Null: never. */
  readonly expiresAt: number | null;
  readonly lastUsedAt: number | null;
}

export interface ApiKeyRequest extends Pick<ApiKeyInfo, 'name' | 'scopes'> {
  /** Default: `accessLimits.apiKeyDays` after the key is made. */
  readonly expiresAt?: number | null | undefined;
}

export interface MadeApiKey extends ApiKeyInfo {
  /** The key itself, which is stored nowhere. */
  readonly key: string;
}

export type ApiKeyRefusal = 'too_many_api_keys' | 'too_many_devices' | 'device_revoked';

/** Where a time is needed and there is none: the last second of the year 9999, which every format can write. Unix ms. */
export const neverMs = Date.UTC(9999, 11, 31, 23, 59, 59);

export async function createApiKey(
  deps: Pick<AccessDeps, 'db' | 'now'>,
  userId: UserId,
  { name, scopes, expiresAt }: ApiKeyRequest,
): Promise<Result<MadeApiKey, ApiKeyRefusal>> {
  const createdAt = deps.now();
  const key = newApiKey(userId);
  const info = {
    id: v7({ msecs: createdAt }) as SessionId,
    name,
    scopes,
    createdAt,
    expiresAt: expiresAt === undefined ? createdAt + accessLimits.apiKeyDays * 86_400_000 : expiresAt,
    lastUsedAt: null,
  };
  const made = await deps.db.transaction((tx) => insertKey(tx, userId, info, key.hash));
  return made.ok ? ok({ ...info, key: key.text }) : made;
}

async function insertKey(
  tx: Queryable,
  userId: UserId,
  info: ApiKeyInfo,
  hash: Uint8Array,
): Promise<Result<void, ApiKeyRefusal>> {
  const at = new Date(info.createdAt);
  await lockUser(tx, userId);
  await deleteExpiredKeys(tx, userId, at);
  const [count] = await tx.query<{ n: number }>('select count(*)::int as n from api_keys where user_id = $1::uuid', [userId]);
  if ((count?.n ?? 0) >= accessLimits.apiKeys) return err('too_many_api_keys');
  const device = await claimDevice(tx, { userId, sessionId: info.id }, { name: info.name, platform: 'api-key' }, at);
  if (!device.ok) return device;
  await tx.kysely
    .insertInto('sessions')
    .values({
      user_id: userId,
      id: info.id,
      device: device.value.ordinal,
      created_at: at,
      expires_at: new Date(info.expiresAt ?? neverMs),
      ended_at: null,
    })
    .execute();
  await tx.kysely
    .insertInto('api_keys')
    .values({
      user_id: userId,
      id: info.id,
      hash,
      name: info.name,
      scopes: [...info.scopes],
      created_at: at,
      expires_at: info.expiresAt === null ? null : new Date(info.expiresAt),
      last_used_at: null,
    })
    .execute();
  return ok(undefined);
}

/** Those that still work and come after the id, oldest first. */
export async function listApiKeys(
  { db, now }: Pick<AccessDeps, 'db' | 'now'>,
  userId: UserId,
  page: { readonly after: SessionId | null; readonly limit: number },
): Promise<readonly ApiKeyInfo[]> {
  let query = db.kysely
    .selectFrom('api_keys as k')
    .innerJoin('sessions as s', (join) => join.onRef('s.user_id', '=', 'k.user_id').onRef('s.id', '=', 'k.id'))
    .select(['k.id', 'k.name', 'k.scopes', 'k.created_at', 'k.expires_at', 'k.last_used_at'])
    .where('k.user_id', '=', userId)
    .where('s.ended_at', 'is', null)
    .where('s.expires_at', '>', new Date(now()))
    .orderBy('k.id')
    .limit(page.limit);
  if (page.after !== null) query = query.where('k.id', '>', page.after);
  const rows = await query.execute();
  return rows.map((row) => ({
    id: row.id as SessionId,
    name: row.name,
    scopes: row.scopes as Scope[],
    createdAt: row.created_at.getTime(),
    expiresAt: row.expires_at?.getTime() ?? null,
    lastUsedAt: row.last_used_at?.getTime() ?? null,
  }));
}

/** The key is refused from then on, its sockets close, and its device leaves the list. */
export async function revokeApiKey(
  deps: Pick<AccessDeps, 'db' | 'now' | 'ended'>,
  userId: UserId,
  id: SessionId,
): Promise<Result<void, 'unknown_api_key'>> {
  const at = new Date(deps.now());
  const isKnown = await deps.db.transaction(async (tx) => {
    await lockUser(tx, userId);
    const [key] = await tx.query<{ device: number }>(
      `delete from api_keys k using sessions s
        where k.user_id = $1::uuid and k.id = $2::uuid and s.user_id = k.user_id and s.id = k.id returning s.device`,
      [userId, id],
    );
    if (key === undefined) return false;
    await endSessions(tx, userId, at, { only: id });
    await tx.query('update devices set revoked_at = $3::timestamptz where user_id = $1::uuid and ordinal = $2::int', [
      userId,
      key.device,
      at,
    ]);
    return true;
  });
  if (!isKnown) return err('unknown_api_key');
  deps.ended.tell({ userId, sessionId: id });
  return ok(undefined);
}

/** A device that only a key used goes with it; or a thousand short-lived keys would fill the list of devices. */
async function deleteExpiredKeys(tx: Queryable, userId: UserId, at: Date): Promise<void> {
  await tx.query(
    `update devices d set revoked_at = $2::timestamptz from api_keys k, sessions s
      where d.user_id = $1::uuid and k.user_id = d.user_id and s.user_id = d.user_id and s.id = k.id and s.device = d.ordinal
        and d.revoked_at is null and (s.expires_at <= $2::timestamptz or s.ended_at is not null)`,
    [userId, at],
  );
  await tx.query(
    `delete from api_keys k using sessions s
      where k.user_id = $1::uuid and s.user_id = k.user_id and s.id = k.id
        and (s.expires_at <= $2::timestamptz or s.ended_at is not null)`,
    [userId, at],
  );
}
