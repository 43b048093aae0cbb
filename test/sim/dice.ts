/**
 * Seeded dice. Each purpose throws its own, named after it, so that taking a step out of a schedule changes what the step
 * did and as little else as can be: that is what makes a failing schedule shrink.
 */
import { type AnyId, idFromBytes } from '../../src/core/ids.ts';

export interface Dice {
  /** 0 ≤ value < 1. */
  next(): number;
  /** A whole number, 0 ≤ value < bound. */
  below(bound: number): number;
  /** A whole number, low ≤ value ≤ high. */
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** An index, as likely as its weight says. */
  weighted(weights: readonly number[]): number;
}

export function createDice(seed: number, name = ''): Dice {
  let state = hashText(name, seed >>> 0);
  // Tommy Ettinger's mulberry32.
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (bound: number): number => Math.floor(next() * bound);
  return {
    next,
    below,
    between: (low, high) => low + below(high - low + 1),
    chance: (probability) => next() < probability,
    pick(items) {
      const item = items[below(items.length)];
      if (item === undefined) throw new RangeError('an empty list has no item');
      return item;
    },
    weighted(weights) {
      let left = next() * weights.reduce((sum, weight) => sum + weight, 0);
      for (const [index, weight] of weights.entries()) {
        left -= weight;
        if (left < 0) return index;
      }
      return weights.length - 1;
    },
  };
}

/** A UUID that follows from its name: the same thing has the same id in every run. */
export function idOf<Id extends AnyId>(name: string): Id {
  const bytes = new Uint8Array(16);
  for (let word = 0; word < 4; word++) {
    const hash = hashText(name, 0x9e3779b9 + word);
    for (let i = 0; i < 4; i++) bytes[4 * word + i] = hash >>> (8 * i);
  }
  return idFromBytes<Id>(bytes);
}

/** FNV-1a with a finaliser. */
function hashText(text: string, seed: number): number {
  let hash = (seed ^ 0x811c9dc5) >>> 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
