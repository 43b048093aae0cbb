/** What the owner of an account can see and change. */
import type { UserId } from '../../core/ids.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { AccessDeps } from './access-deps.ts';
import type { User, WeakPassword } from './credentials.ts';
import { endSessions } from './end-sessions.ts';
import { lockUser } from './lock-user.ts';
import { weaknessOf } from './password-weakness.ts';
import type { Principal } from './principal.ts';
import { type PasswordRefusal, provePassword } from './prove-password.ts';

export type Settings = Readonly<Record<string, unknown>>;

export interface Account extends User {
  readonly settings: Settings;
}

export interface AccountCounts {
  /** Not deleted. */
  readonly memories: number;
  /** Not revoked. */
  readonly devices: number;
  /** Open. */
  readonly conflicts: number;
}

export async function readAccount({ db }: Pick<AccessDeps, 'db'>, userId: UserId): Promise<Account | null> {
  const row = await db.kysely
    .selectFrom('users')
    .select(['email', 'created_at', 'settings'])
    .where('user_id', '=', userId)
    .executeTakeFirst();
  return row === undefined ? null : { id: userId, email: row.email, createdAt: row.created_at.getTime(), settings: row.settings };
}

export async function countOwned({ db }: Pick<AccessDeps, 'db'>, userId: UserId): Promise<AccountCounts> {
  const [counts] = await db.query<AccountCounts>(
    `select h.live as memories,
        (select count(*) from devices d where d.user_id = h.user_id and d.revoked_at is null) as devices,
        (select count(*) from conflicts c where c.user_id = h.user_id and c.resolution is null) as conflicts
      from user_heads h where h.user_id = $1::uuid`,
    [userId],
  );
  return counts ?? { memories: 0, devices: 0, conflicts: 0 };
}

/** In place of what there was. */
export async function writeSettings({ db }: Pick<AccessDeps, 'db'>, userId: UserId, settings: Settings): Promise<void> {
  const text = JSON.stringify(settings);
  await db.kysely.updateTable('users').set({ settings: text }).where('user_id', '=', userId).execute();
}

/** Every other session ends, and with them the API keys: whoever knew the password may have made some. */
export async function changePassword(
  deps: AccessDeps,
  principal: Principal,
  passwords: { readonly current: string; readonly next: string },
): Promise<Result<void, WeakPassword | PasswordRefusal>> {
  const { userId, sessionId } = principal;
  const proof = await provePassword(deps, principal, passwords.current);
  if (!proof.ok) return proof;
  const user = proof.value;
  const weakness = weaknessOf(passwords.next, user.email);
  if (weakness !== null) return err({ code: 'weak_password', weakness });
  const password_hash = await deps.passwords.hash(passwords.next);
  const ended = await deps.db.transaction(async (tx) => {
    // Of two changes at the same time the first counts: the second was checked against a password that is none any more.
    if ((await lockUser(tx, userId))?.passwordHash !== user.passwordHash) return null;
    await tx.kysely.updateTable('users').set({ password_hash }).where('user_id', '=', userId).execute();
    return await endSessions(tx, userId, new Date(deps.now()), { except: sessionId });
  });
  if (ended === null) return err({ code: 'invalid_credentials' });
  for (const other of ended) deps.ended.tell({ userId, sessionId: other });
  return ok(undefined);
}
