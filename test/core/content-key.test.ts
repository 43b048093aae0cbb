import fc from 'fast-check';
import { expect, it } from 'vitest';
import { contentKey } from '../../src/core/content-key.ts';

it.each([
  ['I like  tea\n', 'i LIKE tea'],
  ['Straße', 'STRASSE'],
  ['STRAẞE', 'Strasse'],
  ['ΟΔΟΣ', 'οδος'],
  ['ﬁne', 'fine'],
  ['Cafe\u0301', 'CAFÉ'],
  ['ｆｕｌｌ', 'full'],
])('[house] %j and %j are one content', (a, b) => {
  expect(contentKey(a)).toBe(contentKey(b));
});

it('[house] different words stay different', () => {
  expect(contentKey('I like tea')).not.toBe(contentKey('I like teas'));
  expect(contentKey('ab c')).not.toBe(contentKey('a bc'));
});

it('[house] the key of a key is itself', () => {
  fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (text) => contentKey(contentKey(text)) === contentKey(text)));
});
