/**
 * The embedder that needs no network and no key: a text's words and pieces of words, hashed into a vector with
 * signs (Weinberger et al., "Feature Hashing for Large Scale Multitask Learning", 2009). Texts are near that share words, forms of
 * a word, or misspellings; what means the same in other words it does not see.
 */

import { vectorSize } from '../../core/embedding.ts';
import { tellingTermsOf, termsOf } from '../text/words.ts';
import type { Embedder } from './embedder.ts';

/** Another weighting is another space: vectors of before are made again. */
const model = 'lexical-1';

/** What the pieces of a word count beside the word. */
const piecesWeight = 0.5;

/** Lengths of the pieces of a word, its ends marked (fastText: Bojanowski et al. 2017, 3 to 6). */
const pieceLengths = [3, 4, 5] as const;

export function createLexicalEmbedder(): Embedder {
  return {
    model,
    // A batch is made in one piece, 10 ms of it.
    batchSize: 32,
    embed: async (texts) => texts.map((text) => vectorOf(text)),
    embedWeighted: vectorOf,
  };
}

/** Stop words count only where there is nothing else. */
function vectorOf(text: string, weightOf: (term: string) => number = () => 1): Float32Array {
  const vector = new Float32Array(vectorSize);
  const telling = tellingTermsOf(text);
  const counts = new Map<string, number>();
  for (const term of telling.length > 0 ? telling : termsOf(text)) counts.set(term, (counts.get(term) ?? 0) + 1);
  for (const [term, count] of counts) addTerm(vector, term, weightOf(term) * (1 + Math.log(count)));
  return normalise(vector);
}

function addTerm(vector: Float32Array, term: string, weight: number): void {
  add(vector, term, weight);
  const pieces = piecesOf(term);
  // All pieces of a word together count the same, however long it is.
  for (const piece of pieces) add(vector, piece, (piecesWeight * weight) / Math.sqrt(pieces.length));
}

function piecesOf(term: string): string[] {
  const marked = `<${term}>`;
  return pieceLengths.flatMap((length) =>
    Array.from({ length: Math.max(0, marked.length - length + 1) }, (_, at) => `#${marked.slice(at, at + length)}`),
  );
}

/** One place by the hash, and its sign by another bit of it: features that share a place cancel out on average. */
function add(vector: Float32Array, feature: string, weight: number): void {
  const hash = fnv1a(feature);
  const place = hash % vectorSize;
  vector[place] = (vector[place] ?? 0) + (hash & 0x8000_0000 ? -weight : weight);
}

/** FNV-1a, 32 bits, over UTF-16 units (Fowler, Noll, Vo), with a last mixing as its low bits alone are weak. */
function fnv1a(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9_f3b);
  return (hash ^ (hash >>> 15)) >>> 0;
}

function normalise(vector: Float32Array): Float32Array {
  let sum = 0;
  for (const value of vector) sum += value * value;
  if (sum === 0) return vector;
  const length = Math.sqrt(sum);
  return vector.map((value) => value / length);
}
