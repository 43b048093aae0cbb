/** From an API key to who it stands for. As with tokens, one indexed query each time: a revocation holds at once everywhere. */
import type { DeviceId, SessionId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Statement } from '../infra/database.ts';
import type { AccessDeps } from './access-deps.ts';
import { type ApiKey, parseApiKey } from './api-key.ts';
import { neverMs } from './api-keys.ts';
import type { AuthenticationRefusal } from './authenticate.ts';
import type { Principal } from './principal.ts';
import type { Scope } from './scopes.ts';

const keyStatement: Statement = {
  name: 'authenticate-key',
  text: `select k.id as key_id, k.scopes, k.expires_at, k.last_used_at, d.ordinal, d.id, d.name,
      d.revoked_at is not null as is_revoked, s.ended_at is not null as is_ended
    from api_keys k
    join sessions s on s.user_id = k.user_id and s.id = k.id
    join devices d on d.user_id = s.user_id and d.ordinal = s.device
    where k.user_id = $1::uuid and k.hash = $2::bytea`,
};

/** How exactly it is kept when a key was used: one write a minute, not one a request. */
const usedEveryMs = 60_000;

interface KeyRow {
  readonly key_id: SessionId;
  readonly scopes: readonly Scope[];
  readonly expires_at: Date | null;
  readonly last_used_at: Date | null;
  readonly ordinal: number;
  readonly id: DeviceId;
  readonly name: string;
  readonly is_revoked: boolean;
  readonly is_ended: boolean;
}

export async function authenticateKey(
  deps: Pick<AccessDeps, 'db' | 'now'>,
  text: string,
): Promise<Result<Principal, AuthenticationRefusal>> {
  const key = parseApiKey(text);
  if (key === null) return err('unauthorized');
  const [row] = await deps.db.query<KeyRow>(keyStatement, [key.userId, key.hash]);
  if (row === undefined) return err('unauthorized');
  if (row.is_revoked) return err('device_revoked');
  const expiresAt = row.expires_at?.getTime() ?? neverMs;
  if (row.is_ended || expiresAt <= deps.now()) return err('unauthorized');
  await noteUse(deps, key, row);
  return ok({
    userId: key.userId,
    sessionId: row.key_id,
    device: { ordinal: row.ordinal, id: row.id },
    deviceName: row.name,
    tokenExpiresAt: expiresAt,
    scopes: row.scopes,
    isApiKey: true,
  });
}

async function noteUse({ db, now }: Pick<AccessDeps, 'db' | 'now'>, { userId }: ApiKey, row: KeyRow): Promise<void> {
  const nowMs = now();
  if (row.last_used_at !== null && nowMs - row.last_used_at.getTime() < usedEveryMs) return;
  await db.query(
    {
      name: 'note-key-use',
      text: 'update api_keys set last_used_at = $3::timestamptz where user_id = $1::uuid and id = $2::uuid',
    },
    [userId, row.key_id, new Date(nowMs)],
  );
}
