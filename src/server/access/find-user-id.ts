/** Whose an e-mail is. The one thing that is looked for without knowing the user. */
import type { UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';

const statement: Statement = {
  name: 'find-user-id',
  text: 'select user_id from accounts where email = $1::text',
  everybody: 'who somebody is, is the question',
};

/** @param email as it is stored, in lower case. */
export async function findUserId(db: Queryable, email: string): Promise<UserId | null> {
  const [account] = await db.query<{ user_id: UserId }>(statement, [email]);
  return account?.user_id ?? null;
}
