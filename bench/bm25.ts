/** Plain BM25 (k1 1.2, b 0.75) over words as they stand: what a search has to be better than. */
const k1 = 1.2;
const b = 0.75;

const wordsOf = (text: string): readonly string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** @returns a search: the places of the best texts, best first. */
export function createPlainBm25(texts: readonly string[]): (query: string, limit: number) => readonly number[] {
  const counts = texts.map((text) => {
    const countByWord = new Map<string, number>();
    for (const word of wordsOf(text)) countByWord.set(word, (countByWord.get(word) ?? 0) + 1);
    return countByWord;
  });
  const lengths = texts.map((text) => wordsOf(text).length);
  const average = lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, texts.length);
  const textsByWord = new Map<string, number>();
  for (const countByWord of counts)
    for (const word of countByWord.keys()) textsByWord.set(word, (textsByWord.get(word) ?? 0) + 1);
  const weightOf = (word: string): number => {
    const having = textsByWord.get(word) ?? 0;
    return Math.log(1 + (texts.length - having + 0.5) / (having + 0.5));
  };
  return (query, limit) => {
    const words = [...new Set(wordsOf(query))];
    const scored = counts.map((countByWord, at) => {
      const norm = k1 * (1 - b + (b * (lengths[at] ?? 0)) / average);
      const score = words.reduce((sum, word) => {
        const count = countByWord.get(word) ?? 0;
        return count === 0 ? sum : sum + (weightOf(word) * count * (k1 + 1)) / (count + norm);
      }, 0);
      return { at, score };
    });
    const found = scored.filter(({ score }) => score > 0).sort((one, other) => other.score - one.score);
    return found.slice(0, limit).map(({ at }) => at);
  };
}
