import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { queryTermsOf, tellingTermsOf, termsOf } from '../../../src/server/text/words.ts';

describe('the words of a text', () => {
  it.each([
    ['forms of an English word are one term', 'preferred preferring prefers', ['prefer', 'prefer', 'prefer']],
    ['case, width and accents of Latin letters make no difference', 'Café ＣＡＦÉ cafe', ['cafe', 'cafe', 'cafe']],
    [
      'a possessive is its word, an apostrophe inside is nothing',
      'Anna’s friend said "don\'t"',
      ['anna', 'friend', 'said', 'dont'],
    ],
    [
      'Russian and German stand as they are written',
      'Мой любимый цвет: зелёный; Straßenbahn',
      ['мой', 'любимый', 'цвет', 'зелёный', 'straßenbahn'],
    ],
    ['a possessive of a word without spaces', "東京's 日’s", ['東京', '日']],
    ['Chinese is pairs of characters', '我喜欢绿茶', ['我喜', '喜欢', '欢绿', '绿茶']],
    ['Japanese beside Latin, and one character alone', 'Tokyo東京は雨、傘', ['tokyo', '東京', '京は', 'は雨', '傘']],
    ['numbers and codes are words', 'flight LH-441 at 9', ['flight', 'lh', '441', 'at', '9']],
  ])('[house] %s', (_, text, terms) => {
    expect(termsOf(text)).toEqual(terms);
  });

  it('[house] a question counts each telling word once, and its stop words where there are no others', () => {
    expect(queryTermsOf('When did Anna go to the park, the big park?')).toEqual(['anna', 'go', 'park', 'big']);
    expect(queryTermsOf('who are you')).toEqual(['who', 'are', 'you']);
    expect(queryTermsOf('?! …')).toEqual([]);
  });

  it('[house] a long word is not cut within a character: two that differ there do not become one lone half', () => {
    for (const last of ['\u{10000}', '\u{10428}']) {
      const [term = ''] = termsOf(`${'x'.repeat(63)}${last}`);
      expect(term).toBe('x'.repeat(63));
    }
  });

  it('[house] whatever the text, terms are short, lower-case, not empty, and the same each time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const terms = termsOf(text);
        expect(termsOf(text)).toEqual(terms);
        for (const term of terms) {
          expect(term.length).toBeGreaterThan(0);
          expect(term.length).toBeLessThanOrEqual(64);
          expect(term).toBe(term.toLowerCase());
        }
        expect(tellingTermsOf(text).length).toBeLessThanOrEqual(terms.length);
      }),
    );
  });

  it('[house] a word of 10,000 letters and 10,000 characters without a space are terms in no time', () => {
    expect(termsOf('a'.repeat(10_000))).toEqual(['a'.repeat(64)]);
    expect(termsOf('茶'.repeat(10_000))).toHaveLength(9_999);
  });
});
