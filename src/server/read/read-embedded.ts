import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';

/**
 * Whether the content of the row `m` of `memories` has its vector, of the model `$3` or brought by a client. A user has one or two
 * models; each memory is looked up by its key.
 * @param user whose row it is, in SQL.
 */
export const hasVector = (user: string): string => `exists (
    select 1 from vector_heads h join memory_vectors v on v.user_id = h.user_id and v.model = h.model and v.memory_id = m.id
      where h.user_id = ${user} and (h.model = $3::text or h.leased_until is null)
        and v.content_hash = sha256(convert_to(m.content, 'UTF8')))`;

const statement: Statement = {
  name: 'read-embedded',
  text: `select m.id from memories m where m.user_id = $1::uuid and m.id = any($2::uuid[]) and ${hasVector('$1::uuid')}`,
};

/** Those of the memories whose current content has its vector, of the model or brought by a client. */
export async function readEmbedded(
  db: Queryable,
  userId: UserId,
  ids: readonly MemoryId[],
  model: string,
): Promise<ReadonlySet<MemoryId>> {
  if (ids.length === 0) return new Set();
  return new Set((await db.query<{ id: MemoryId }>(statement, [userId, ids, model])).map(({ id }) => id));
}
