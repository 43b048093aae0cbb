/**
 * BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009): how much a text with these words says about a
 * question with those. k1 and b as Anserini has them for short texts, which memories are.
 */
const k1 = 0.9;
const b = 0.4;

/** What all of the user's memories together say about words. */
export interface Collection {
  /** Memories that have words. */
  readonly count: number;
  /** Words of one on average. */
  readonly averageLength: number;
}

/** The rarer a word, the more it says; of a word that is everywhere a little remains. */
export function inverseFrequency({ count }: Collection, memories: number): number {
  const others = Math.max(0, count - memories);
  return Math.log(1 + (others + 0.5) / (memories + 0.5));
}

/** What a word that is in a text `times` times adds, as a part of its weight: from 0 to k1 + 1. */
export function saturation({ averageLength }: Collection, times: number, length: number): number {
  const share = averageLength > 0 ? length / averageLength : 1;
  return (times * (k1 + 1)) / (times + k1 * (1 - b + b * share));
}
