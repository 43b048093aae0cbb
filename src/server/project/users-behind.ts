/** Users for whom a projection of recall has something to do, for whoever starts, or missed a commit of another process. */
import type { UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';

/** Also those who have vectors of a model that was left before `$3`. */
const statement: Statement = {
  name: 'users-behind',
  text: `select h.user_id from user_heads h
      left join vector_heads v on v.user_id = h.user_id and v.model = $1::text
      left join recall_heads r on r.user_id = h.user_id
    where ($2::uuid is null or h.user_id > $2::uuid) and h.seq > 0
      and (h.seq > coalesce(v.seq, 0) or h.seq > coalesce(r.text_seq, 0)
        or (v.complete and exists (select 1 from vector_heads o
          where o.user_id = h.user_id and o.model <> $1::text and o.leased_until <= $3::timestamptz)))
    order by h.user_id limit $4::int`,
  everybody: 'finds who has something to do',
};

export interface BehindRequest {
  readonly model: string;
  /** Unix ms. */
  readonly formerModelsLeftBefore: number;
  readonly after: UserId | null;
  readonly limit: number;
}

/** By id. */
export async function readUsersBehind(db: Queryable, request: BehindRequest): Promise<readonly UserId[]> {
  const { model, formerModelsLeftBefore, after, limit } = request;
  const params = [model, after, new Date(formerModelsLeftBefore), limit];
  return (await db.query<{ user_id: UserId }>(statement, params)).map((row) => row.user_id);
}
