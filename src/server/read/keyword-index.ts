/** What the keyword search reads: how rare words are, memories that have some of them, and those that no index knows yet. */
import { type RawBuilder, sql } from 'kysely';
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Source } from '../../core/memory.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { quotedTerm } from '../project/texts.ts';
import type { Collection } from './bm25.ts';
import { isFiltering, type MemoryFilter, whereFilter } from './list-memories.ts';

/** Memories behind the projection that a search looks at itself, the newest ones. */
const maxTail = 500;
/** After an import the log is a hundred thousand events ahead; only its end is looked at. */
const maxTailEvents = 2_000;

export interface KeywordIndex extends Collection {
  /** The log up to here is in the index. */
  readonly seq: number;
  readonly memoriesByTerm: ReadonlyMap<string, number>;
}

export async function readKeywordIndex(db: Queryable, userId: UserId, terms: readonly string[]): Promise<KeywordIndex> {
  const rows = await db.query<{
    text_seq: number;
    text_count: number;
    text_length: number;
    term: string | null;
    memories: number;
  }>(readIndex, [userId, terms]);
  const [head] = rows;
  const count = head?.text_count ?? 0;
  return {
    seq: head?.text_seq ?? 0,
    count,
    averageLength: count === 0 ? 0 : (head?.text_length ?? 0) / count,
    memoriesByTerm: new Map(rows.flatMap(({ term, memories }) => (term === null ? [] : [[term, memories]]))),
  };
}

/** A memory that changed since the index was brought up to date; null content: nothing of it is to be found. */
export interface TailMemory {
  readonly id: MemoryId;
  readonly content: string | null;
  readonly source: Source | null;
  readonly created_ms: number;
  /** It passes the filter. */
  readonly fits: boolean;
}

export async function readTail(db: Queryable, userId: UserId, seq: number, filter: MemoryFilter): Promise<readonly TailMemory[]> {
  const query = sql<TailMemory>`select e.memory_id as id, m.content, m.source, m.created_ms, coalesce(${whereFilter(filter)}, false) as fits
    from (select memory_id, max(seq) as seq
        from (select memory_id, seq from events where user_id = ${userId}::uuid and seq > ${seq}::bigint
          order by seq desc limit ${maxTailEvents}::int) newest
      group by memory_id order by seq desc limit ${maxTail}::int) e
    left join memories m on m.user_id = ${userId}::uuid and m.id = e.memory_id and not m.deleted and not m.erased`;
  return (await query.execute(db.kysely)).rows;
}

export interface Candidate {
  readonly id: MemoryId;
  readonly length: number;
  readonly countByTerm: ReadonlyMap<string, number>;
}

/** A term of a question, what it says, and how many memories in the index have it. */
export interface WeightedTerm {
  readonly term: string;
  readonly weight: number;
  readonly memories: number;
}

/** The best by what words they have, in no order: which of them is better only their counts tell. */
export async function readCandidates(
  db: Queryable,
  userId: UserId,
  { query, terms, filter, scan, limit }: CandidateRequest,
): Promise<readonly Candidate[]> {
  const joined = isFiltering(filter)
    ? sql`join memories m on m.user_id = ${userId}::uuid and m.id = t.memory_id and ${whereFilter(filter)}`
    : sql``;
  const { rows } = await sql<CandidateRow>`with terms as materialized (
      select term, quoted::tsquery as query, weight
      from unnest(${terms.map(({ term }) => term)}::text[], ${terms.map(({ term }) => quotedTerm(term))}::text[],
        ${terms.map(({ weight }) => weight)}::float8[]) as w(term, quoted, weight)
    ), found as materialized (
      select t.memory_id, t.length, t.terms from memory_texts t ${joined}
      where t.user_id = ${userId}::uuid and t.terms @@ ${query}::tsquery limit ${scan}::int
    ), best as materialized (
      select f.memory_id, f.length, f.terms from found f
      order by (select sum(w.weight) from terms w where f.terms @@ w.query) / (1 + 0.1 * ln(1 + f.length)) desc
      limit ${limit}::int
    )
    select b.memory_id as id, b.length, w.term, coalesce(array_length(u.positions, 1), 1) as count
    from best b, unnest(b.terms) u join terms w on w.term = u.lexeme`.execute(db.kysely);
  return toCandidates(rows);
}

interface CandidateRow {
  readonly id: MemoryId;
  readonly length: number;
  readonly term: string;
  readonly count: number;
}

function toCandidates(rows: readonly CandidateRow[]): readonly Candidate[] {
  const found = new Map<
    MemoryId,
    { readonly id: MemoryId; readonly length: number; readonly countByTerm: Map<string, number> }
  >();
  for (const { id, length, term, count } of rows) {
    const candidate = found.get(id) ?? { id, length, countByTerm: new Map() };
    candidate.countByTerm.set(term, count);
    found.set(id, candidate);
  }
  return [...found.values()];
}

export interface CandidateRequest {
  /** What a candidate must have, a tsquery. */
  readonly query: string;
  readonly terms: readonly WeightedTerm[];
  readonly filter: MemoryFilter;
  /** Matches that are looked at, at most. */
  readonly scan: number;
  readonly limit: number;
}

/** The terms that a memory's text is made of, with how often; for memories that the index knows. */
export function readTermsOf(
  db: Queryable,
  userId: UserId,
  ids: readonly MemoryId[],
): Promise<readonly { readonly id: MemoryId; readonly term: string; readonly count: number; readonly memories: number }[]> {
  return db.query(readTerms, [userId, ids]);
}

export interface Neighbour {
  readonly of: MemoryId;
  readonly id: MemoryId;
  /** Whether it comes after the one that it is a neighbour of. */
  readonly isNext: boolean;
}

/** The memories of the same conversation right before and after each of these. */
export async function readNeighbours(
  db: Queryable,
  userId: UserId,
  ids: readonly MemoryId[],
  filter: MemoryFilter,
): Promise<readonly Neighbour[]> {
  const fits = isFiltering(filter)
    ? sql`where exists (select 1 from memories m where m.user_id = ${userId}::uuid and m.id = n.id and ${whereFilter(filter)})`
    : sql``;
  const { rows } = await sql<Neighbour>`with place as materialized (
      select memory_id, conversation, at_ms from memory_texts
      where user_id = ${userId}::uuid and memory_id = any(${ids}::uuid[]) and conversation is not null
    )
    select * from (${beside(userId, true)} union all ${beside(userId, false)}) n ${fits}`.execute(db.kysely);
  return rows;
}

function beside(userId: UserId, isNext: boolean): RawBuilder<unknown> {
  const follows = sql.raw(isNext ? '>' : '<');
  const order = sql.raw(isNext ? 'asc' : 'desc');
  return sql`select t.memory_id as of, n.id, ${sql.lit(isNext)} as "isNext" from place t, lateral (
    select o.memory_id as id from memory_texts o where o.user_id = ${userId}::uuid and o.conversation = t.conversation
      and (o.at_ms, o.memory_id) ${follows} (t.at_ms, t.memory_id)
    order by o.at_ms ${order}, o.memory_id ${order} limit 1) n`;
}

const readIndex: Statement = {
  name: 'read-keyword-index',
  text: `select h.text_seq, h.text_count, h.text_length, t.term, t.memories
    from recall_heads h left join text_terms t on t.user_id = $1::uuid and t.term = any($2::text[])
    where h.user_id = $1::uuid`,
};

const readTerms: Statement = {
  name: 'read-terms-of-memories',
  text: `select t.memory_id as id, u.lexeme as term, array_length(u.positions, 1) as count, w.memories
    from memory_texts t, unnest(t.terms) u, text_terms w
    where t.user_id = $1::uuid and t.memory_id = any($2::uuid[]) and w.user_id = $1::uuid and w.term = u.lexeme`,
};
