/**
 * The keyword arm of the search: BM25 with the user's own word frequencies. A second look adds the words that the best answers
 * share (relevance feedback, RM3: Lavrenko and Croft 2001, Abdul-Jaleel et al. 2004), and what stands next to a good answer in
 * the same conversation gains by it: a question is answered in the message after it.
 */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Queryable } from '../infra/database.ts';
import { quotedTerm, textEntryOf } from '../project/texts.ts';
import { type Collection, inverseFrequency, saturation } from './bm25.ts';
import {
  type Candidate,
  type KeywordIndex,
  readCandidates,
  readNeighbours,
  readTail,
  readTermsOf,
  type TailMemory,
  type WeightedTerm,
} from './keyword-index.ts';
import type { MemoryFilter } from './list-memories.ts';

export interface KeywordHit {
  readonly id: MemoryId;
  readonly score: number;
  /** What of it each word of the question brought. */
  readonly byTerm: Readonly<Record<string, number>>;
  /** What of it the neighbours in its conversation brought. */
  readonly byNeighbours: number;
}

export interface KeywordRequest {
  readonly userId: UserId;
  /** Of the question. */
  readonly terms: readonly string[];
  /** Read for these terms. */
  readonly index: KeywordIndex;
  readonly filter: MemoryFilter;
  readonly limit: number;
}

/** More words than these say little more, and each is looked up in every candidate: the rarest ones count. */
const maxTerms = 48;
/** Matches that are scored at most. */
const maxScan = 5_000;
/** Candidates that are scored exactly: beyond what is asked for, as neighbours and the second look change their order. */
const depthOf = (limit: number): number => Math.max(200, 2 * limit);

/** The second look: the words of this many answers, this many of them, at most this heavy beside a word of the question. */
const feedback = { answers: 5, terms: 10, weight: 0.1 } as const;
/** What a memory gains of the score of the one before it in its conversation, and of the one after it. */
const neighbourShare = { before: 0.5, after: 0.2 } as const;
/** Answers whose neighbours are looked at. */
const maxPlaces = 100;

export async function searchKeywords(db: Queryable, request: KeywordRequest): Promise<readonly KeywordHit[]> {
  const { terms, index } = request;
  if (terms.length === 0) return [];
  const tail = await readTail(db, request.userId, index.seq, request.filter);
  const search = new KeywordSearch(db, request, tail);
  const asked = search.weigh(terms.map((term) => [term, index.memoriesByTerm.get(term) ?? 0]));
  const first = await search.withNeighbours(await search.score(asked));
  const more = await search.feedback(asked, first.slice(0, feedback.answers));
  const hits = more.length === 0 ? first : await search.withNeighbours(await search.score([...asked, ...more]));
  return hits.slice(0, request.limit);
}

class KeywordSearch {
  readonly #db: Queryable;
  readonly #request: KeywordRequest;
  readonly #index: KeywordIndex;
  readonly #tail: readonly TailMemory[];
  readonly #stale: ReadonlySet<MemoryId>;

  constructor(db: Queryable, request: KeywordRequest, tail: readonly TailMemory[]) {
    this.#db = db;
    this.#request = request;
    this.#index = request.index;
    this.#tail = tail;
    this.#stale = new Set(tail.map(({ id }) => id));
  }

  /** Rarest first. */
  weigh(memoriesByTerm: readonly (readonly [term: string, memories: number])[]): readonly WeightedTerm[] {
    return memoriesByTerm
      .map(([term, memories]) => ({ term, memories, weight: inverseFrequency(this.#index, memories) }))
      .sort((a, b) => b.weight - a.weight)
      .slice(0, maxTerms);
  }

  /** By the words alone, best first. */
  async score(terms: readonly WeightedTerm[]): Promise<readonly KeywordHit[]> {
    const { userId, filter, limit } = this.#request;
    const indexed = terms.filter(({ memories }) => memories > 0);
    const query = this.#candidateQuery(indexed);
    const candidates =
      query === null
        ? []
        : await readCandidates(this.#db, userId, { query, terms: indexed, filter, scan: maxScan, limit: depthOf(limit) });
    const hits = candidates.filter(({ id }) => !this.#stale.has(id)).map((candidate) => hitOf(this.#index, candidate, indexed));
    return [...hits, ...this.#tailHits(terms)].sort(byScore);
  }

  /** What the best answers speak of beside the question. */
  async feedback(asked: readonly WeightedTerm[], best: readonly KeywordHit[]): Promise<readonly WeightedTerm[]> {
    if (best.length === 0) return [];
    const total = best.reduce((sum, { score }) => sum + score, 0);
    const share = new Map(best.map(({ id, score }) => [id, score / total]));
    const rows = await readTermsOf(this.#db, this.#request.userId, [...share.keys()]);
    const length = new Map<MemoryId, number>();
    for (const { id, count } of rows) length.set(id, (length.get(id) ?? 0) + count);
    const known = new Set(asked.map(({ term }) => term));
    const said = new Map<string, { says: number; weight: number; memories: number }>();
    for (const { id, term, count, memories } of rows) {
      const weight = inverseFrequency(this.#index, memories);
      const says = ((share.get(id) ?? 0) * count * weight) / (length.get(id) ?? 1);
      said.set(term, { says: (said.get(term)?.says ?? 0) + says, weight, memories });
    }
    const top = [...said].sort(([, a], [, b]) => b.says - a.says).slice(0, feedback.terms);
    const most = top[0]?.[1].says ?? 0;
    return top
      .filter(([term]) => !known.has(term))
      .map(([term, { says, weight, memories }]) => ({ term, memories, weight: (weight * feedback.weight * says) / most }));
  }

  async withNeighbours(hits: readonly KeywordHit[]): Promise<readonly KeywordHit[]> {
    const { userId, filter } = this.#request;
    const places = hits.slice(0, maxPlaces);
    if (places.length === 0) return hits;
    const scoreById = new Map(places.map(({ id, score }) => [id, score]));
    const gains = new Map<MemoryId, number>();
    for (const { of, id, isNext } of await readNeighbours(this.#db, userId, [...scoreById.keys()], filter)) {
      const gain = (scoreById.get(of) ?? 0) * (isNext ? neighbourShare.before : neighbourShare.after);
      gains.set(id, (gains.get(id) ?? 0) + gain);
    }
    const known = hits.map((hit) => gained(hit, gains.get(hit.id) ?? 0));
    const ids = new Set(hits.map(({ id }) => id));
    const found = [...gains]
      .filter(([id]) => !(ids.has(id) || this.#stale.has(id)))
      .map(([id, gain]) => gained({ id, score: 0, byTerm: {}, byNeighbours: 0 }, gain));
    return [...known, ...found].sort(byScore);
  }

  /** Memories that have one of the rarer words; where even the rarest is in too many, two of them. Null: no memory has any. */
  #candidateQuery(terms: readonly WeightedTerm[]): string | null {
    const chosen: string[] = [];
    let matches = 0;
    for (const { term, memories } of terms) {
      matches += memories;
      if (chosen.length > 0 && matches > maxScan) break;
      chosen.push(quotedTerm(term));
    }
    const [rarest, second] = terms;
    if (rarest === undefined) return null;
    if (second !== undefined && rarest.memories > maxScan) return `${quotedTerm(rarest.term)} & ${quotedTerm(second.term)}`;
    return chosen.join(' | ');
  }

  #tailHits(terms: readonly WeightedTerm[]): KeywordHit[] {
    return this.#tail.flatMap(({ id, content, source, created_ms: createdAt, fits }) => {
      if (content === null || !fits) return [];
      const hit = hitOf(this.#index, { id, ...textEntryOf({ content, source, createdAt }) }, terms);
      return hit.score > 0 ? [hit] : [];
    });
  }
}

const byScore = (a: KeywordHit, b: KeywordHit): number => b.score - a.score || (a.id < b.id ? 1 : -1);

function hitOf(collection: Collection, { id, length, countByTerm }: Candidate, terms: readonly WeightedTerm[]): KeywordHit {
  const byTerm: Record<string, number> = {};
  let score = 0;
  for (const { term, weight } of terms) {
    const count = countByTerm.get(term) ?? 0;
    if (count === 0) continue;
    const part = weight * saturation(collection, count, length);
    byTerm[term] = part;
    score += part;
  }
  return { id, score, byTerm, byNeighbours: 0 };
}

const gained = (hit: KeywordHit, gain: number): KeywordHit =>
  gain === 0 ? hit : { ...hit, score: hit.score + gain, byNeighbours: hit.byNeighbours + gain };
