/** The right to be forgotten: every row of a user, in every table, in one transaction. */
import { ok, type Result } from '../../core/result.ts';
import type { Tables } from '../infra/tables.ts';
import type { AccessDeps } from './access-deps.ts';
import type { Principal } from './principal.ts';
import { type PasswordRefusal, provePassword } from './prove-password.ts';

/**
 * The order in which the tables are emptied; the compiler asks for every table there is. The head goes first: appends wait
 * for its row and, once it is gone, write nothing; so with vectors, which are written under the lock of their heads. `users` goes last: others refer to it.
 */
const orderByTable: Readonly<Record<keyof Tables, number>> = {
  user_heads: 0,
  events: 1,
  memories: 2,
  conflicts: 3,
  memory_accesses: 4,
  recall_heads: 5,
  memory_texts: 6,
  text_terms: 7,
  vector_heads: 8,
  memory_vectors: 9,
  ingested_messages: 10,
  epochs: 11,
  refresh_tokens: 12,
  api_keys: 13,
  login_attempts: 14,
  sessions: 15,
  devices: 16,
  accounts: 17,
  users: 18,
};

const tables = (Object.keys(orderByTable) as (keyof Tables)[]).sort((a, b) => orderByTable[a] - orderByTable[b]);

export async function deleteUser(
  deps: Pick<AccessDeps, 'db' | 'ended' | 'attempts' | 'passwords'>,
  principal: Principal,
  password: string,
): Promise<Result<void, PasswordRefusal>> {
  const { userId } = principal;
  const proof = await provePassword(deps, principal, password);
  if (!proof.ok) return proof;
  await deps.db.transaction(
    async (tx) => {
      const user = await tx.kysely.selectFrom('users').select('email').where('user_id', '=', userId).executeTakeFirst();
      for (const table of tables) {
        const rows = tx.kysely.deleteFrom(table).where('user_id', '=', userId);
        // Its key is the e-mail: without it the whole table would be read.
        await (table === 'accounts' ? rows.where('email', '=', user?.email ?? '') : rows).execute();
      }
    },
    // A log of millions of events takes longer than a statement usually may.
    { statementTimeoutMs: 0 },
  );
  deps.ended.tell({ userId });
  return ok(undefined);
}
