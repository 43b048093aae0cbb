/**
 * SYN-9 on every node: which of the sessions that this process has sockets of another process has ended. It asks for exactly
 * those, by their keys, as `authenticate` does, so neither a clock that differs between nodes nor a deleted account hides one.
 */
import type { SessionId, UserId } from '../../core/ids.ts';
import type { Statement } from '../infra/database.ts';
import type { AccessDeps } from './access-deps.ts';

/** What a socket stands on. */
export interface OpenSession {
  readonly userId: UserId;
  readonly sessionId: SessionId;
  /** Ordinal of the replica that it speaks for. */
  readonly device: number;
}

export interface EndedOpenSession {
  /** Its place among those asked for. */
  readonly index: number;
  readonly code: 'unauthorized' | 'device_revoked';
}

const statement: Statement = {
  name: 'find-ended',
  text: `select k.place::int as place, coalesce(d.revoked_at is not null, false) as is_revoked
    from unnest($1::uuid[], $2::uuid[], $3::int[]) with ordinality as k(user_id, session_id, device, place)
    left join sessions s on s.user_id = k.user_id and s.id = k.session_id
    left join devices d on d.user_id = k.user_id and d.ordinal = k.device
    where s.id is null or s.ended_at is not null or d.ordinal is null or d.revoked_at is not null`,
};

export async function findEnded(
  { db }: Pick<AccessDeps, 'db'>,
  open: readonly OpenSession[],
): Promise<readonly EndedOpenSession[]> {
  const params = [open.map(({ userId }) => userId), open.map(({ sessionId }) => sessionId), open.map(({ device }) => device)];
  const rows = await db.query<{ place: number; is_revoked: boolean }>(statement, params);
  return rows.map((row) => ({ index: row.place - 1, code: row.is_revoked ? 'device_revoked' : 'unauthorized' }));
}
