/** A new session for somebody who knows the password. */
import { AppError } from '../../core/errors.ts';
import { idFromBytes, type UserId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { sha256 } from '../infra/bytes.ts';
import type { Queryable } from '../infra/database.ts';
import type { AccessDeps } from './access-deps.ts';
import type { DeviceClaim, DeviceRefusal } from './claim-device.ts';
import type { Credentials, Login } from './credentials.ts';
import { findUserId } from './find-user-id.ts';
import { lockUser } from './lock-user.ts';
import type { TooManyAttempts } from './login-attempts.ts';
import { isOutdated } from './passwords.ts';
import { issueToken, type StartedSession, startSession } from './start-session.ts';

export type LoginRefusal = { readonly code: 'invalid_credentials' | DeviceRefusal } | TooManyAttempts;

export async function login(deps: AccessDeps, credentials: Credentials): Promise<Result<Login, LoginRefusal>> {
  const { email, password, device, address } = credentials;
  const { userId, user } = await findUser(deps.db, email);
  const attempt = await deps.attempts.begin({ userId, address, device: device?.id ?? null });
  if (!attempt.ok) return attempt;
  const isRight = await deps.passwords.verify(user?.password_hash ?? null, password);
  if (user === undefined || !isRight) return err({ code: 'invalid_credentials' });
  await deps.attempts.succeed(attempt.value);
  const session = await enter(deps, userId, user.password_hash, device ?? {});
  if (!session.ok) return err({ code: session.error });
  if (isOutdated(user.password_hash)) await hashAgain(deps, userId, user.password_hash, password);
  return ok({
    user: { id: userId, email: user.email, createdAt: user.created_at.getTime() },
    device: session.value.device,
    refreshToken: session.value.refreshToken,
    ...(await issueToken(deps, session.value)),
  });
}

async function enter(
  deps: AccessDeps,
  userId: UserId,
  passwordHash: string,
  claim: DeviceClaim,
): Promise<Result<StartedSession, 'invalid_credentials' | DeviceRefusal>> {
  return await deps.db.transaction(async (tx): Promise<Result<StartedSession, 'invalid_credentials' | DeviceRefusal>> => {
    const locked = await lockUser(tx, userId);
    // Erased, or given another password, while this one was being checked.
    if (locked?.passwordHash !== passwordHash) return err('invalid_credentials');
    return await startSession(tx, deps, userId, claim);
  });
}

/** Unless it was changed meanwhile, or many passwords wait: then at another login. */
async function hashAgain({ db, passwords }: AccessDeps, userId: UserId, outdated: string, password: string): Promise<void> {
  const renewed = await passwords.hash(password).catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'overloaded') return outdated;
    throw error;
  });
  await db.query('update users set password_hash = $3 where user_id = $1::uuid and password_hash = $2', [
    userId,
    outdated,
    renewed,
  ]);
}

/** An unknown e-mail takes the same steps with the id of a user that cannot be, so that neither answer nor time tells. */
async function findUser(db: Queryable, email: string) {
  const userId = (await findUserId(db, email)) ?? nobodyOf(email);
  const user = await db.kysely
    .selectFrom('users')
    .select(['user_id', 'email', 'password_hash', 'created_at'])
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return { userId, user };
}

/** RFC 9562 §5.8: version 8, which no account has. */
function nobodyOf(email: string): UserId {
  const bytes = sha256(Buffer.from(`nobody ${email}`)).subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return idFromBytes<UserId>(bytes);
}
