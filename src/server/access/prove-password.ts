/** Somebody who is logged in says the password once more. It is guessed no faster here than at the login. */
import type { UserId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { AccessDeps } from './access-deps.ts';
import type { TooManyAttempts } from './login-attempts.ts';
import type { Principal } from './principal.ts';

export type PasswordRefusal = { readonly code: 'invalid_credentials' } | TooManyAttempts;

export interface ProvenUser {
  readonly email: string;
  readonly passwordHash: string;
}

export async function provePassword(
  { db, passwords, attempts }: Pick<AccessDeps, 'db' | 'passwords' | 'attempts'>,
  { userId, device }: Principal,
  password: string,
): Promise<Result<ProvenUser, PasswordRefusal>> {
  const attempt = await attempts.begin({ userId, address: '', device: device.id });
  if (!attempt.ok) return attempt;
  const user = await readCredentials(db, userId);
  if (!(await passwords.verify(user?.passwordHash ?? null, password)) || user === undefined) {
    return err({ code: 'invalid_credentials' });
  }
  await attempts.succeed(attempt.value);
  return ok(user);
}

async function readCredentials(db: AccessDeps['db'], userId: UserId): Promise<ProvenUser | undefined> {
  return await db.kysely
    .selectFrom('users')
    .select(['email', 'password_hash as passwordHash'])
    .where('user_id', '=', userId)
    .executeTakeFirst();
}
