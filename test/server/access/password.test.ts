import { describe, expect, it } from 'vitest';
import { commonPasswords } from '../../../src/server/access/common-passwords.ts';
import { hashPassword, nobodysHash, verifyPassword, weaknessOf } from '../../../src/server/access/password.ts';

describe('passwords', () => {
  it('an e-mail without an account costs a check with the same parameters', async () => {
    const costOf = (hash: string): string => hash.split('$').slice(0, 4).join('$');
    expect(costOf(nobodysHash)).toBe(costOf(await hashPassword('a long passphrase')));
    expect(costOf(nobodysHash)).toBe('$argon2id$v=19$m=19456,t=2,p=1');
  });

  it('one way of writing a character is as good as another', async () => {
    const hash = await hashPassword('pa\u0073\u0301word, long');
    expect(await verifyPassword(hash, 'pa\u015bword, long')).toBe(true);
    expect(await verifyPassword(hash, 'pasword, long')).toBe(false);
  });

  it('two hashes of one password differ', async () => {
    expect(await hashPassword('a long passphrase')).not.toBe(await hashPassword('a long passphrase'));
  });

  it('nobody has no password', async () => {
    for (const password of ['', 'a long passphrase']) expect(await verifyPassword(null, password)).toBe(false);
  });

  it.each([
    ['a long passphrase', null],
    ['ten chars!', null],
    ['😀😁😂🤣😃😄😅😆😉😊', null],
    ['nine char', 'at least 10'],
    ['😀😁😂🤣😃', 'at least 10'],
    ['x1'.repeat(129), 'at most 256'],
    ['QWERTYUIOP', 'most common'],
    ['11111111111111', 'most common'],
    ['Me@Example.org', 'the e-mail'],
  ])('%s', (password, weakness) => {
    const found = weaknessOf(password, 'me@example.org');
    if (weakness === null) expect(found).toBeNull();
    else expect(found).toContain(weakness);
  });

  it('the list holds only what would otherwise be long enough', () => {
    for (const password of commonPasswords)
      expect({ password, isListed: password.length >= 10 && password === password.toLowerCase() }).toMatchObject({
        isListed: true,
      });
  });
});
