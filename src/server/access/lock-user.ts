/** Devices, sessions and the password of a user change one at a time. */
import type { UserId } from '../../core/ids.ts';
import type { Queryable } from '../infra/database.ts';

export interface LockedUser {
  readonly email: string;
  readonly passwordHash: string;
}

/** Holds the user's row until the transaction ends; null when there is none. `no key`: inserts that refer to it go on. */
export async function lockUser(tx: Queryable, userId: UserId): Promise<LockedUser | null> {
  const [row] = await tx.query<{ email: string; password_hash: string }>(
    'select email, password_hash from users where user_id = $1::uuid for no key update',
    [userId],
  );
  return row === undefined ? null : { email: row.email, passwordHash: row.password_hash };
}
