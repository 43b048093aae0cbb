/** Similar memories as search finds them, by meaning and by words. */
import type { UserId } from '../../core/ids.ts';
import type { Memory } from '../../core/memory.ts';
import type { FindSimilar } from './similar.ts';
import { minShare, shareOf, toWords } from './word-share.ts';

/** What is needed of a searcher. */
export interface SimilarSearch {
  search(
    userId: UserId,
    request: { readonly query: string; readonly mode: 'hybrid'; readonly limit: number; readonly filter: object },
  ): Promise<{ readonly results: readonly { readonly memory: Memory; readonly similarity?: number | undefined }[] }>;
}

/** Of each text. More make the model's question long and add little. */
const limit = 5;

/**
 * A search finds the nearest there are, however far; those that are neither near nor share words would only cost a question to the
 * model.
 */
const minSimilarity = 0.4;

/** Searches under way at a time. */
const parallel = 4;

export function createSimilarBySearch(searcher: SimilarSearch): FindSimilar {
  return async (userId, texts) => {
    const found = texts.map((): Awaited<ReturnType<FindSimilar>>[number] => []);
    const waiting = [...texts.entries()];
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [index, query] = next;
        const { results } = await searcher.search(userId, { query, mode: 'hybrid', limit, filter: {} });
        const words = toWords(query);
        found[index] = results
          .map(({ memory, similarity = null }) => ({ memory, similarity }))
          .filter(
            ({ memory, similarity }) => (similarity ?? 0) >= minSimilarity || shareOf(words, toWords(memory.content)) >= minShare,
          );
      }
    };
    await Promise.all(Array.from({ length: parallel }, work));
    return found;
  };
}
