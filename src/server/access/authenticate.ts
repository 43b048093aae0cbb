/** From a token to who it stands for. One indexed query; access.ts keeps what it says for a moment. */
import type { DeviceId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Statement } from '../infra/database.ts';
import type { AccessDeps } from './access-deps.ts';
import type { Principal } from './principal.ts';

const sessionStatement: Statement = {
  name: 'authenticate',
  text: `select d.ordinal, d.id, d.name, d.revoked_at is not null as is_revoked, s.ended_at is not null as is_ended
    from sessions s join devices d on d.user_id = s.user_id and d.ordinal = s.device
    where s.user_id = $1::uuid and s.id = $2::uuid`,
};

interface SessionRow {
  readonly ordinal: number;
  readonly id: DeviceId;
  readonly name: string;
  readonly is_revoked: boolean;
  readonly is_ended: boolean;
}

export type AuthenticationRefusal = 'unauthorized' | 'device_revoked';

export async function authenticate(
  { db, tokens }: Pick<AccessDeps, 'db' | 'tokens'>,
  token: string,
): Promise<Result<Principal, AuthenticationRefusal>> {
  const claims = await tokens.verify(token);
  if (claims === null) return err('unauthorized');
  const { userId, sessionId } = claims;
  const [session] = await db.query<SessionRow>(sessionStatement, [userId, sessionId]);
  if (session === undefined) return err('unauthorized');
  // Asked first: revoking a device ends its sessions too, and the caller should learn why.
  if (session.is_revoked) return err('device_revoked');
  if (session.is_ended) return err('unauthorized');
  return ok({
    userId,
    sessionId,
    device: { ordinal: session.ordinal, id: session.id },
    deviceName: session.name,
    tokenExpiresAt: claims.expiresAt,
  });
}
