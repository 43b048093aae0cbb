/** Seeded randomness: the same data on every run and machine. */

export interface Random {
  /** 0 ≤ value < 1. */
  next(): number;
  /** A whole number, 0 ≤ value < below. */
  below(bound: number): number;
  chance(probability: number): boolean;
  /** Item k with weight 1 / (k + 8): a few words are common, most are rare, as in natural text (Zipf's law). */
  zipf<T>(items: readonly T[]): T;
  bytes(length: number): Uint8Array;
}

export function createRandom(seed: number): Random {
  const next = mulberry32(seed);
  const below = (bound: number): number => Math.floor(next() * bound);
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    zipf: (items) => itemAt(items, zipfIndex(next(), items.length)),
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
  };
}

/** Tommy Ettinger's mulberry32: 32 bits of state, good enough to make up sentences. */
function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The inverse of the continuous distribution: P(index < k) = ln((k + 8) / 8) / ln((n + 8) / 8). */
function zipfIndex(uniform: number, length: number): number {
  return Math.min(length - 1, Math.floor(8 * ((length + 8) / 8) ** uniform - 8));
}

function itemAt<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError('an empty list has no item');
  return item;
}
