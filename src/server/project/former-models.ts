/** Vectors of models that made way for the present one. */
import type { UserId } from '../../core/ids.ts';
import type { Database, Statement } from '../infra/database.ts';
import { lockVectorHeads, readVectorHeads, type VectorHead } from './vector-heads.ts';

/** A model that is used again before all is gone begins with a first pass: no event says which of its vectors are missing. */
const dropStatement: Statement = {
  name: 'drop-former-vectors',
  text: `with gone as (
      delete from memory_vectors where user_id = $1::uuid and model = $2::text and memory_id in (
        select memory_id from memory_vectors where user_id = $1::uuid and model = $2::text limit $3::int) returning 1
    ), head as (
      update vector_heads set vectors = vectors - (select count(*) from gone), complete = false, seq = 0, pass_head = null, pass_after = null
        where user_id = $1::uuid and model = $2::text
    )
    select count(*) as dropped from gone`,
};

const dropHeadStatement: Statement = {
  name: 'drop-former-head',
  text: 'delete from vector_heads where user_id = $1::uuid and model = $2::text',
};

/**
 * Takes away a portion of the vectors of another model of ours, once those of the present one are complete. Models that clients
 * bring are theirs. One that a process used since `leftBefore` is kept: while servers of two configurations run side by side, neither
 * takes away what the other one makes.
 *
 * @param portion Vectors taken away in one transaction.
 * @returns whether something was done.
 */
export async function removeFormerModels(
  db: Database,
  userId: UserId,
  present: string,
  leftBefore: number,
  portion = 2_000,
): Promise<boolean> {
  const former = findFormer(await readVectorHeads(db, userId), present, leftBefore);
  if (former === undefined) return false;
  await db.transaction(async (tx) => {
    if (findFormer(await lockVectorHeads(tx, userId), present, leftBefore)?.model !== former.model) return;
    const [row] = await tx.query<{ dropped: number }>(dropStatement, [userId, former.model, portion]);
    if ((row?.dropped ?? 0) < portion) await tx.query(dropHeadStatement, [userId, former.model]);
  });
  return true;
}

function findFormer(heads: readonly VectorHead[], present: string, leftBefore: number): VectorHead | undefined {
  if (!heads.some(({ model, complete }) => model === present && complete)) return undefined;
  return heads.find(({ model, leasedUntil }) => model !== present && leasedUntil !== null && leasedUntil.getTime() <= leftBefore);
}
