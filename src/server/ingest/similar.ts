/** Memories that may say what a new text says. */
import { contentKey } from '../../core/content-key.ts';
import type { UserId } from '../../core/ids.ts';
import type { Memory } from '../../core/memory.ts';

export interface Similar {
  readonly memory: Memory;
  /** Of the vectors, −1 to 1; null when it was found by words. */
  readonly similarity: number | null;
}

/** For each text the live memories that are nearest to it, best first, a few at most. */
export type FindSimilar = (userId: UserId, texts: readonly string[]) => Promise<readonly (readonly Similar[])[]>;

/** From here on two vectors are one meaning. */
const sameSimilarity = 0.97;

/**
 * The memory that says the text already: the same words, or as good as the same vector. Long texts that differ in a number or a "not"
 * have almost one vector and mean two things, so those have to agree.
 */
export function findDuplicate(text: string, similar: readonly Similar[]): Memory | null {
  const key = contentKey(text);
  const same = similar.find(({ memory }) => contentKey(memory.content) === key);
  if (same !== undefined) return same.memory;
  const marks = decisiveWords(key);
  const near = similar.find(
    ({ memory, similarity }) =>
      similarity !== null && similarity >= sameSimilarity && decisiveWords(contentKey(memory.content)) === marks,
  );
  return near?.memory ?? null;
}

const negation = /^(?:not|no|never|none|without|cannot|.*n['’]t|nicht|kein\p{L}*|nie|niemals|ohne|pas|jamais|no|nunca|не|нет)$/u;

/** Numbers and negations, in their order. */
const decisiveWords = (key: string): string =>
  key
    .split(/[^\p{L}\p{N}'’.:]+/u)
    .map((word) => word.replace(/[.:]+$/, ''))
    .filter((word) => /\d/.test(word) || negation.test(word))
    .join(' ');
