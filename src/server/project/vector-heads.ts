/** How far the vectors of each model of a user have come, and who may write them. */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';

export interface VectorHead {
  readonly model: string;
  readonly seq: number;
  /** Of a first pass that is under way: where the log stood when it began, and the last memory it is done with. */
  readonly passHead: number | null;
  readonly passAfter: MemoryId | null;
  readonly complete: boolean;
  readonly vectors: number;
  /** Null where no process of ours ever worked on it: its vectors were brought by clients. */
  readonly leasedUntil: Date | null;
}

interface HeadRow {
  model: string;
  seq: number;
  pass_head: number | null;
  pass_after: MemoryId | null;
  complete: boolean;
  vectors: number;
  leased_until: Date | null;
}

const columns = 'model, seq, pass_head, pass_after, complete, vectors, leased_until';

const readStatement: Statement = {
  name: 'read-vector-heads',
  text: `select ${columns} from vector_heads where user_id = $1::uuid order by model`,
};

// In the order of the key, so that nobody waits for each other in a circle.
const lockStatement: Statement = {
  name: 'lock-vector-heads',
  text: `select ${columns} from vector_heads where user_id = $1::uuid order by model for update`,
};

export async function readVectorHeads(db: Queryable, userId: UserId): Promise<readonly VectorHead[]> {
  return (await db.query<HeadRow>(readStatement, [userId])).map(toHead);
}

/** Until the transaction ends nobody else writes or deletes vectors of this user. Read in a later statement what they are made of. */
export async function lockVectorHeads(tx: Queryable, userId: UserId): Promise<readonly VectorHead[]> {
  return (await tx.query<HeadRow>(lockStatement, [userId])).map(toHead);
}

/** The end of a statement that deletes vectors of the user `$1` as `gone`, with their models: so many fewer there are. */
export const countGone = `, counts as (
      select model, count(*) as vectors from gone group by model
    )
    update vector_heads h set vectors = h.vectors - c.vectors from counts c where h.user_id = $1::uuid and h.model = c.model`;

const dropStatement: Statement = {
  name: 'drop-vectors',
  text: `with gone as (
      delete from memory_vectors where user_id = $1::uuid and memory_id = any($2::uuid[]) and model = any($3::text[]) returning model
    )${countGone}`,
};

/** Takes all vectors of these memories away, in the transaction that takes away what they were made of (LOG-3, SYN-12). */
export async function dropVectors(tx: Queryable, userId: UserId, ids: readonly MemoryId[]): Promise<void> {
  const heads = await lockVectorHeads(tx, userId);
  if (heads.length > 0) await tx.query(dropStatement, [userId, ids, heads.map(({ model }) => model)]);
}

const toHead = (row: HeadRow): VectorHead => ({
  model: row.model,
  seq: row.seq,
  passHead: row.pass_head,
  passAfter: row.pass_after,
  complete: row.complete,
  vectors: row.vectors,
  leasedUntil: row.leased_until,
});
