/** A new session for somebody who knows the password. */
import type { UserId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Queryable } from '../infra/database.ts';
import type { AccessDeps } from './access-deps.ts';
import type { DeviceRefusal } from './claim-device.ts';
import type { Credentials, Login } from './credentials.ts';
import { findUserId } from './find-user-id.ts';
import { lockUser } from './lock-user.ts';
import { verifyPassword } from './password.ts';
import { issueToken, type StartedSession, startSession } from './start-session.ts';

/** An unknown e-mail takes the same steps, so that time tells nothing. */
const nobody = '00000000-0000-0000-0000-000000000000' as UserId;

export type LoginRefusal = 'invalid_credentials' | DeviceRefusal;

export async function login(deps: AccessDeps, credentials: Credentials): Promise<Result<Login, LoginRefusal>> {
  const { email, password, device } = credentials;
  const user = await findUser(deps.db, email);
  const isRight = await verifyPassword(user?.password_hash ?? null, password);
  if (user === undefined || !isRight) return err('invalid_credentials');
  const userId = user.user_id as UserId;
  const session = await deps.db.transaction(async (tx): Promise<Result<StartedSession, LoginRefusal>> => {
    const locked = await lockUser(tx, userId);
    // Erased, or given another password, while this one was being checked.
    if (locked?.passwordHash !== user.password_hash) return err('invalid_credentials');
    return await startSession(tx, deps, userId, device ?? {});
  });
  if (!session.ok) return session;
  return ok({
    user: { id: userId, email: user.email, createdAt: user.created_at.getTime() },
    device: session.value.device,
    refreshToken: session.value.refreshToken,
    ...(await issueToken(deps, session.value)),
  });
}

async function findUser(db: Queryable, email: string) {
  const userId = await findUserId(db, email);
  return await db.kysely
    .selectFrom('users')
    .select(['user_id', 'email', 'password_hash', 'created_at'])
    .where('user_id', '=', userId ?? nobody)
    .executeTakeFirst();
}
