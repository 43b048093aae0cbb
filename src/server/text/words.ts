/**
 * The words of a text as terms: what is kept for a memory and what is looked for in a question come from the same function.
 * English words are stemmed (Porter 1980); words of other languages stand as they are written, without case and, in Latin
 * script, without accents. Scripts that put no spaces between words (Chinese, Japanese, Thai and their like) become pairs of
 * characters, as in Lucene's CJK analyser: no dictionary, so an index outlives every update of one.
 */
import { stemmer } from 'stemmer';
import { isStopWord } from './stop-words.ts';

/** Longer ones are no words of a person, and an index entry has a limit. In UTF-16 units. */
const maxTermLength = 64;

const wordPattern = /[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}]+)*/gu;
const unspacedPattern =
  /([\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー]+)/u;
const isEnglishLike = /^[a-z]+$/;

/** In the order of the text, repeated where the text repeats them. */
export function termsOf(text: string): string[] {
  const terms: string[] = [];
  for (const [word] of normalised(text).matchAll(wordPattern)) {
    for (const part of word.split(unspacedPattern)) {
      if (unspacedPattern.test(part)) terms.push(...pairsOf(part));
      else {
        const term = termOf(part);
        // Nothing is between two such parts, and nothing is left of a possessive that stands behind one: no tsvector takes it.
        if (term !== '') terms.push(term);
      }
    }
  }
  return terms;
}

/** Of a question: each once, without the words that say nothing, unless there are no others. */
export function queryTermsOf(query: string): string[] {
  const all = [...new Set(termsOf(query))];
  const telling = all.filter((term) => !isStopWord(term));
  return telling.length > 0 ? telling : all;
}

/** The terms without those of stop words. */
export function tellingTermsOf(text: string): string[] {
  return termsOf(text).filter((term) => !isStopWord(term));
}

function termOf(word: string): string {
  const bare = word.replace(/['’]s$/u, '').replace(/['’]/gu, '');
  // A stop word keeps its form, so that it is known again.
  const term = isEnglishLike.test(bare) && !isStopWord(bare) ? stemmer(bare) : bare;
  // Half a character is none that the database can hold: different ones would become the same term there.
  return term.slice(0, maxTermLength).replace(/[\ud800-\udbff]$/, '');
}

/** Characters by code point, overlapping pairs of them; one alone stands for itself. */
function pairsOf(run: string): string[] {
  const characters = [...run];
  if (characters.length === 1) return characters;
  return characters.slice(1).map((character, index) => `${characters[index]}${character}`);
}

/** Case, width and, of Latin letters, accents make no difference. */
function normalised(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFD')
    .replace(/(\p{Script=Latin})\p{Mn}+/gu, '$1')
    .normalize('NFC');
}
