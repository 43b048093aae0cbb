/**
 * Search: what is near in meaning, what has the words, and both together by the ranks that each gives (reciprocal rank fusion,
 * Cormack, Clarke and Büttcher 2009). A memory that only one of them finds is in the answer too.
 */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Memory } from '../../core/memory.ts';
import type { Embedder } from '../embed/embedder.ts';
import { EmbeddingFailed } from '../embed/embedding-failed.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { queryTermsOf } from '../text/words.ts';
import { inverseFrequency } from './bm25.ts';
import { type KeywordIndex, readKeywordIndex } from './keyword-index.ts';
import { type KeywordHit, searchKeywords } from './keyword-search.ts';
import type { MemoryFilter } from './list-memories.ts';
import { type MemoryView, type MemoryViewRow, rowToView, viewColumns } from './memory-view.ts';

export const searchModes = ['hybrid', 'semantic', 'keyword'] as const;
export type SearchMode = (typeof searchModes)[number];
export type Arm = 'semantic' | 'keyword';

export interface SearchRequest {
  readonly query?: string | undefined;
  /** In place of the query's own, of length 1. */
  readonly embedding?: Float32Array | undefined;
  /** The model that made it. Default: as vectors that clients bring. */
  readonly embeddingModel?: string | undefined;
  readonly mode: SearchMode;
  readonly limit: number;
  readonly filter: MemoryFilter;
  readonly explain?: boolean | undefined;
}

export interface SearchResult {
  readonly memory: Memory;
  readonly accessCount: number;
  /** From 0 to 1; only its order means something. */
  readonly score: number;
  /** The cosine, where the semantic search found it. */
  readonly similarity?: number;
  readonly matched: readonly Arm[];
  readonly explanation?: Explanation;
}

export interface Explanation {
  readonly semantic?: { readonly rank: number; readonly similarity: number; readonly share: number };
  readonly keyword?: {
    readonly rank: number;
    readonly bm25: number;
    readonly share: number;
    readonly terms: Readonly<Record<string, number>>;
    readonly neighbours: number;
  };
}

export interface SearchAnswer {
  readonly results: readonly SearchResult[];
  /** What was done: hybrid becomes keyword where there is no vector to be had for the question. */
  readonly mode: SearchMode;
  /** Why the question had no vector, where a hybrid search went on without. */
  readonly withoutVectors?: EmbeddingFailed;
}

export interface Near {
  readonly id: MemoryId;
  readonly similarity: number;
}

export interface SearcherDeps {
  readonly db: Queryable;
  /** Whose vectors a search of this user goes by. */
  readonly servingEmbedder: (userId: UserId) => Promise<Embedder>;
  /** The model of vectors that clients bring without a name for it. */
  readonly ownModel: string;
  readonly nearest: (request: {
    readonly userId: UserId;
    readonly model: string;
    readonly vector: Float32Array;
    readonly filter: MemoryFilter;
    readonly limit: number;
  }) => Promise<readonly Near[]>;
  /** A question had no vector. */
  readonly onFailure: () => void;
}

export interface Searcher {
  search(userId: UserId, request: SearchRequest): Promise<SearchAnswer>;
}

/** The constant of rank fusion. Small: the first places of an arm count for much. */
const rankConstant = 10;
/** What an arm's ranks count. Vectors that go by words say little that the keywords do not say better. */
const trust = { keyword: 1, meaning: 1, lexical: 0.1 } as const;
/** For the vector of a question. */
const questionMs = 5_000;
/** Places of each arm that take part, at least. */
const minDepth = 100;

export function createSearcher(deps: SearcherDeps): Searcher {
  const { db } = deps;

  const nearest = async (asked: Asked): Promise<Semantic | null> => {
    const { userId, question, request, depth } = asked;
    const { embedding, filter } = request;
    if (embedding !== undefined) {
      const model = request.embeddingModel ?? deps.ownModel;
      return { near: await deps.nearest({ userId, model, vector: embedding, filter, limit: depth }), weight: trust.meaning };
    }
    if (question === null) return null;
    const embedder = await deps.servingEmbedder(userId);
    const vector = await embedQuestion(embedder, question);
    const near = isZero(vector) ? [] : await deps.nearest({ userId, model: embedder.model, vector, filter, limit: depth });
    return { near, weight: embedder.embedWeighted === undefined ? trust.meaning : trust.lexical };
  };
  /** A hybrid search goes on without what it cannot get. */
  const semanticArm = async (asked: Asked): Promise<Semantic | EmbeddingFailed | null> => {
    const { mode } = asked.request;
    if (mode === 'keyword') return null;
    try {
      return await nearest(asked);
    } catch (error) {
      if (!(error instanceof EmbeddingFailed)) throw error;
      deps.onFailure();
      if (mode === 'semantic') throw error;
      return error;
    }
  };
  const keywordArm = async ({ userId, question, request, depth }: Asked): Promise<readonly KeywordHit[] | null> => {
    if (request.mode === 'semantic' || question === null) return null;
    const { terms, readIndex } = question;
    return searchKeywords(db, { userId, terms, index: await readIndex(), filter: request.filter, limit: depth });
  };

  return {
    async search(userId, request) {
      const { query, limit } = request;
      const question = query === undefined ? null : toQuestion(db, userId, query);
      const asked = { userId, question, request, depth: Math.max(minDepth, 2 * limit) };
      const [answered, keyword] = await Promise.all([semanticArm(asked), keywordArm(asked)]);
      const failure = answered instanceof EmbeddingFailed ? answered : null;
      const semantic = answered instanceof EmbeddingFailed ? null : answered;
      const ranked = fuse(semantic, keyword).slice(0, limit + staleReserve);
      const views = await readViews(
        db,
        userId,
        ranked.map(({ id }) => id),
      );
      const results = ranked.flatMap(({ id, ...found }) => {
        const view = views.get(id);
        if (view === undefined) return [];
        const { explanation, ...result } = found;
        return [{ ...view, ...result, ...(request.explain === true && { explanation }) }];
      });
      const done = semantic === null ? 'keyword' : keyword === null ? 'semantic' : 'hybrid';
      return { results: results.slice(0, limit), mode: done, ...(failure !== null && { withoutVectors: failure }) };
    },
  };
}

/** Memories that were deleted since an arm read them are left out; so many more are read in their place. */
const staleReserve = 10;

interface Semantic {
  readonly near: readonly Near[];
  readonly weight: number;
}

/** What a search is asked, with what both arms need of it. */
interface Question {
  readonly query: string;
  readonly terms: readonly string[];
  /** Read once, by whichever arm needs it first. */
  readonly readIndex: () => Promise<KeywordIndex>;
}

interface Asked {
  readonly userId: UserId;
  readonly question: Question | null;
  readonly request: SearchRequest;
  /** Places that each arm brings. */
  readonly depth: number;
}

function toQuestion(db: Queryable, userId: UserId, query: string): Question {
  const terms = queryTermsOf(query);
  let index: Promise<KeywordIndex> | null = null;
  const readIndex = (): Promise<KeywordIndex> => {
    index ??= readKeywordIndex(db, userId, terms);
    return index;
  };
  return { query, terms, readIndex };
}

async function embedQuestion(embedder: Embedder, { query, readIndex }: Question): Promise<Float32Array> {
  if (embedder.embedWeighted === undefined) return embedInTime(embedder, query);
  const index = await readIndex();
  return embedder.embedWeighted(query, (term) => inverseFrequency(index, index.memoriesByTerm.get(term) ?? 0));
}

/** Somebody waits for the answer: a provider that is slow or away is not tried for as long as for what is stored. */
async function embedInTime(embedder: Embedder, query: string): Promise<Float32Array> {
  const signal = AbortSignal.timeout(questionMs);
  try {
    const [vector] = await embedder.embed([query], 'query', signal);
    if (vector === undefined) throw new Error(`${embedder.model} gave no vector`);
    return vector;
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new EmbeddingFailed('the question had no vector in time', { isRetryable: true });
  }
}

const isZero = (vector: Float32Array): boolean => vector.every((value) => value === 0);

interface Ranked extends Omit<SearchResult, 'memory' | 'accessCount'> {
  readonly id: MemoryId;
}

function fuse(semantic: Semantic | null, keyword: readonly KeywordHit[] | null): readonly Ranked[] {
  const best = (semantic === null ? 0 : semantic.weight) + (keyword === null ? 0 : trust.keyword);
  const share = (rank: number, weight: number): number => (weight / best) * ((rankConstant + 1) / (rankConstant + rank));
  const found = new Map<MemoryId, Ranked>();
  for (const [at, { id, similarity }] of (semantic?.near ?? []).entries()) {
    const part = share(at + 1, semantic?.weight ?? 0);
    const explanation = { semantic: { rank: at + 1, similarity, share: part } };
    found.set(id, { id, score: part, similarity, matched: ['semantic'], explanation });
  }
  for (const [at, { id, score: bm25, byTerm, byNeighbours }] of (keyword ?? []).entries()) {
    const part = share(at + 1, trust.keyword);
    const before = found.get(id);
    const explanation = {
      ...before?.explanation,
      keyword: { rank: at + 1, bm25, share: part, terms: byTerm, neighbours: byNeighbours },
    };
    const matched: Arm[] = [...(before?.matched ?? []), 'keyword'];
    found.set(id, { id, ...before, score: (before?.score ?? 0) + part, matched, explanation });
  }
  return [...found.values()].sort((a, b) => b.score - a.score || (a.id < b.id ? 1 : -1));
}

async function readViews(db: Queryable, userId: UserId, ids: readonly MemoryId[]): Promise<ReadonlyMap<MemoryId, MemoryView>> {
  if (ids.length === 0) return new Map();
  const rows = await db.query<MemoryViewRow>(readFound, [userId, ids]);
  return new Map(rows.map((row) => [row.id, rowToView(row)]));
}

const readFound: Statement = {
  name: 'read-found-memories',
  text: `select ${viewColumns}, coalesce(a.count, 0) as access_count
    from memories m left join memory_accesses a on a.user_id = m.user_id and a.memory_id = m.id
    where m.user_id = $1::uuid and m.id = any($2::uuid[]) and not m.deleted and not m.erased`,
};
