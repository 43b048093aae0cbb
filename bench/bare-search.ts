/** Vector searches as one would write them by hand for pgvector: what ours are measured beside. */
import type { UserId } from '../src/core/ids.ts';
import type { Queryable } from '../src/server/infra/database.ts';
import { benchModel } from './vector-copy.ts';

export type BarePlan = 'exact' | 'bits' | 'index';

export interface BareSearch {
  readonly userId: UserId;
  readonly plan: BarePlan;
  readonly isFiltered: boolean;
  /** Of the coarse scan. */
  readonly candidates: number;
  readonly limit: number;
}

/** The index needs `hnsw.ef_search` set on the connection. */
export async function searchBare(db: Queryable, search: BareSearch, vector: string): Promise<readonly string[]> {
  const rows = await db.query<{ memory_id: string }>(toText(search), [vector]);
  return rows.map((row) => row.memory_id);
}

function toText({ userId, plan, isFiltered, candidates, limit }: BareSearch): string {
  const of = `v.user_id = '${userId}' and v.model = '${benchModel}'`;
  const join = isFiltered ? `join memories m on m.user_id = v.user_id and m.id = v.memory_id and m.type = 'task'` : '';
  const query = '(select $1::text::halfvec(1536))';
  if (plan === 'exact') {
    return `select memory_id from (select v.memory_id, v.h <=> ${query} as d from memory_vectors v ${join} where ${of} offset 0) x
      order by d limit ${limit}`;
  }
  if (plan === 'bits') {
    return `with c as materialized (select memory_id from (select v.memory_id, v.b <~> (select binary_quantize(${query})::bit(1536)) as hd
        from memory_vectors v ${join} where ${of} offset 0) x order by hd limit ${candidates})
      select v.memory_id from c join memory_vectors v on ${of} and v.memory_id = c.memory_id order by v.h <=> ${query} limit ${limit}`;
  }
  if (!isFiltered) return `select v.memory_id from memory_vectors v where ${of} order by v.h <=> ${query} limit ${limit}`;
  return `with v as materialized (select v.user_id, v.memory_id, v.h <=> ${query} as d from memory_vectors v where ${of}
      order by v.h <=> ${query} limit ${candidates})
    select v.memory_id from v ${join} order by v.d limit ${limit}`;
}
