import { expect, it } from 'vitest';
import { weaknessOf } from '../../../src/server/access/password-weakness.ts';

it.each([
  ['a long passphrase', null],
  ['correct horse, battery staple', null],
  ['ten chars!', null],
  ['😀😁😂🤣😃😄😅😆😉😊', null],
  ['sunshine and 20 dogs', null],
  ['password-7341-2029', null],
  ['nine char', 'at least 10'],
  ['😀😁😂🤣😃', 'at least 10'],
  ['x1'.repeat(129), 'at most 256'],
  ['QWERTYUIOP', 'most common'],
  ['1q2w3e4r5t', 'most common'],
  ['password2024', 'most common'],
  ['Password123!', 'most common'],
  ['qwerty123456', 'most common'],
  ['adminadmin', 'most common'],
  ['abcabcabcabc', 'most common'],
  ['11111111111111', 'most common'],
  ['Me@Example.org', 'the e-mail'],
])('[SEC-6] %s', (password, weakness) => {
  const found = weaknessOf(password, 'me@example.org');
  if (weakness === null) expect(found).toBeNull();
  else expect(found).toContain(weakness);
});
