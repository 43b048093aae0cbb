/**
 * The semantic arm of search: the memories of one user whose vectors are nearest. The plan follows the number of the user's
 * vectors; docs/decisions has what was measured. An id in the text of a statement, and not as a parameter: the planner needs to
 * know it to use the user's own index.
 */
import { type RawBuilder, sql } from 'kysely';
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Database, Queryable, Statement } from '../infra/database.ts';
import { isIndexableModel, vectorIndexName } from '../project/vector-index.ts';
import { vectorToText } from '../project/vector-rows.ts';
import { isFiltering, type MemoryFilter, whereFilter } from './list-memories.ts';

export interface NearestRequest {
  readonly userId: UserId;
  readonly model: string;
  readonly vector: Float32Array;
  readonly filter: MemoryFilter;
  readonly limit: number;
}

/** Similarity: cosine, 1 at most. */
export interface Nearest {
  readonly id: MemoryId;
  readonly similarity: number;
}

/** Up to so many vectors all distances are computed. */
const exactUpTo = 5_000;
/** Candidates of the bits that are ranked by their vectors, for few and for many vectors. */
const [fewCandidates, manyCandidates, manyFrom] = [200, 400, 20_000];
/**
 * What the index looks at; pgvector by itself: 40. The filter is applied to what it found, so it has to be found far down: with 400
 * recall@10 was 0.945 behind a filter of 5 % at 100,000.
 */
const [efSearch, efFiltered] = [260, 1_000];
/** Memories that were deleted just now still have their vectors. */
const slack = 20;

export type NearestPlan = 'exact' | 'bits' | 'index';

/** Nearest first, live ones only. @param onPlan told how they were looked for. */
export async function nearestMemories(
  db: Database,
  request: NearestRequest,
  onPlan: (plan: NearestPlan) => void = () => undefined,
): Promise<readonly Nearest[]> {
  // All zeros: a text that says nothing is near to nothing.
  if (request.vector.every((number) => number === 0)) return [];
  const { vectors, hasIndex } = await readSize(db, request);
  if (vectors === 0) return [];
  const isFiltered = isFiltering(request.filter);
  if (hasIndex) {
    const found = await nearestByIndex(db, request, isFiltered);
    if (found.length >= request.limit) {
      onPlan('index');
      return found;
    }
  }
  const isSmall = vectors <= exactUpTo;
  onPlan(isSmall ? 'exact' : 'bits');
  const plan = isSmall ? exactCandidates : bitCandidates(vectors);
  if (!isFiltered) {
    const found = isSmall ? await nearestOfFew(db, request) : await run(db, rank(request, plan(request, false), true));
    if (found.length >= Math.min(request.limit, vectors)) return found;
  }
  return run(db, rank(request, plan(request, true), false));
}

/** What most searches of most users are: kept prepared. */
const ofFewStatement: Statement = {
  name: 'nearest-of-few',
  text: `select c.memory_id, 1 - c.d as similarity from (select x.memory_id, x.d from (
      select v.memory_id, v.h <=> (select $3::text::halfvec(1536)) as d from memory_vectors v
        where v.user_id = $1::uuid and v.model = $2::text offset 0) x order by x.d limit $4::int + ${slack}) c
    cross join lateral (select from memories m where m.user_id = $1::uuid and m.id = c.memory_id and not m.deleted and not m.erased offset 0) m
    order by c.d limit $4::int`,
};

async function nearestOfFew(db: Queryable, { userId, model, vector, limit }: NearestRequest): Promise<readonly Nearest[]> {
  return toNearest(await db.query<Row>(ofFewStatement, [userId, model, vectorToText(vector), limit]));
}

type Candidates = (request: NearestRequest, isFiltered: boolean) => RawBuilder<unknown>;

const ofUser = ({ userId, model }: NearestRequest) => sql`v.user_id = ${sql.lit(userId)} and v.model = ${sql.lit(model)}`;
/** In a subselect it is read once; a generic plan would parse the text again for every row. */
const halfvec = (vector: Float32Array) => sql`(select ${vectorToText(vector)}::text::halfvec(1536))`;

/** `offset 0` keeps the planner from looking for an index for the order. */
const exactCandidates: Candidates = (request, isFiltered) =>
  sql`select x.memory_id, x.d from (select v.memory_id, v.h <=> ${halfvec(request.vector)} as d from memory_vectors v
    ${joined(request, isFiltered)} where ${ofUser(request)} offset 0) x order by x.d limit ${request.limit + slack}`;

/** The coarse scan reads the bits in the key's index alone. */
function bitCandidates(vectors: number): Candidates {
  return (request, isFiltered) => {
    const candidates = Math.max(vectors < manyFrom ? fewCandidates : manyCandidates, 4 * request.limit);
    const query = halfvec(request.vector);
    return sql`select e.memory_id, e.h <=> ${query} as d from (select x.memory_id from
        (select v.memory_id, v.b <~> (select binary_quantize(${query})::bit(1536)) as hd from memory_vectors v
          ${joined(request, isFiltered)} where ${ofUser(request)} offset 0) x order by x.hd limit ${candidates}) c,
        lateral (select v.memory_id, v.h from memory_vectors v where ${ofUser(request)} and v.memory_id = c.memory_id offset 0) e
      order by d limit ${request.limit + slack}`;
  };
}

function joined({ filter }: NearestRequest, isFiltered: boolean): RawBuilder<unknown> {
  if (!isFiltered) return sql``;
  return sql`join memories m on m.user_id = v.user_id and m.id = v.memory_id and ${whereFilter(filter)}`;
}

/** The candidates that pass the filter, nearest first. */
function rank(request: NearestRequest, candidates: RawBuilder<unknown>, isUnfiltered: boolean): RawBuilder<Row> {
  const { userId, filter, limit } = request;
  // One look-up for each of them: the planner would rather read all memories of the user, 40 ms at 100,000.
  const live = isUnfiltered
    ? sql`cross join lateral (select from memories m where m.user_id = ${sql.lit(userId)} and m.id = c.memory_id
        and ${whereFilter(filter)} offset 0) m`
    : sql``;
  return sql<Row>`select c.memory_id, 1 - c.d as similarity from (${candidates}) c ${live} order by c.d limit ${limit}`;
}

interface Row {
  memory_id: MemoryId;
  similarity: number;
}

async function run(db: Queryable, query: RawBuilder<Row>): Promise<readonly Nearest[]> {
  return toNearest((await query.execute(db.kysely)).rows);
}

/** A zero vector is at no distance from anything: NaN. */
function toNearest(rows: readonly Row[]): readonly Nearest[] {
  return rows.flatMap(({ memory_id, similarity }) => (Number.isNaN(similarity) ? [] : [{ id: memory_id, similarity }]));
}

/**
 * In the order of the index, each looked up in its memories until enough pass: what is not needed is not read. Fewer than asked for
 * when the filter leaves few.
 */
async function nearestByIndex(db: Database, request: NearestRequest, isFiltered: boolean): Promise<readonly Nearest[]> {
  const { userId, filter, limit } = request;
  const query = halfvec(request.vector);
  const nearest = sql<Row>`select v.memory_id, 1 - (v.h <=> ${query}) as similarity from memory_vectors v
    cross join lateral (select from memories m where m.user_id = ${sql.lit(userId)} and m.id = v.memory_id
      and ${whereFilter(filter)} offset 0) m
    where ${ofUser(request)} order by v.h <=> ${query} limit ${limit}`;
  return db.transaction(
    async (tx) => {
      await tx.query(`set local hnsw.ef_search = ${isFiltered ? efFiltered : efSearch}`);
      return run(tx, nearest);
    },
    { readOnly: true },
  );
}

const sizeStatement: Statement = {
  name: 'vector-size',
  text: `select vectors, exists (select 1 from pg_index i where i.indexrelid = to_regclass($3::text) and i.indisvalid) as has_index
    from vector_heads where user_id = $1::uuid and model = $2::text`,
};

async function readSize(db: Database, { userId, model }: NearestRequest): Promise<{ vectors: number; hasIndex: boolean }> {
  const [row] = await db.query<{ vectors: number; has_index: boolean }>(sizeStatement, [
    userId,
    model,
    vectorIndexName(userId, model),
  ]);
  return { vectors: row?.vectors ?? 0, hasIndex: row?.has_index === true && isIndexableModel(model) };
}
