import { hash } from '@node-rs/argon2';
import { describe, expect, it } from 'vitest';
import { accessLimits } from '../../../src/server/access/access-limits.ts';
import { createPasswords, isOutdated, nobodysHash } from '../../../src/server/access/passwords.ts';

const passwords = createPasswords({ atATime: 2, waiting: 64 });

describe('passwords', () => {
  it('[SEC-6] an e-mail without an account costs a check with the same parameters', async () => {
    const costOf = (text: string): string => text.split('$').slice(0, 4).join('$');
    expect(costOf(nobodysHash)).toBe(costOf(await passwords.hash('a long passphrase')));
    expect(costOf(nobodysHash)).toBe('$argon2id$v=19$m=19456,t=2,p=1');
  });

  it('one way of writing a character is as good as another', async () => {
    const stored = await passwords.hash('pa\u0073\u0301word, long');
    expect(await passwords.verify(stored, 'pa\u015bword, long')).toBe(true);
    expect(await passwords.verify(stored, 'pasword, long')).toBe(false);
  });

  it('two hashes of one password differ', async () => {
    expect(await passwords.hash('a long passphrase')).not.toBe(await passwords.hash('a long passphrase'));
  });

  it('nobody has no password', async () => {
    for (const password of ['', 'a long passphrase']) expect(await passwords.verify(null, password)).toBe(false);
  });

  it('a hash of other parameters is outdated, and still verifies', async () => {
    const cheap = await hash('a long passphrase', { memoryCost: 8_192, timeCost: 1 });
    expect(isOutdated(cheap)).toBe(true);
    expect(await passwords.verify(cheap, 'a long passphrase')).toBe(true);
    expect(isOutdated(await passwords.hash('a long passphrase'))).toBe(false);
    expect(isOutdated(nobodysHash)).toBe(false);
  });

  it('[SEC-3] a flood is refused at once, and those before it are served', async () => {
    const { hashesAtATime, hashesWaiting } = accessLimits;
    const few = createPasswords({ atATime: hashesAtATime, waiting: 3 });
    const flood = await Promise.allSettled(Array.from({ length: 50 }, () => few.verify(null, 'a long passphrase')));
    const served = flood.filter(({ status }) => status === 'fulfilled').length;
    // p-limit starts the first ones a moment later, so they wait too when the others come.
    expect(served).toBeGreaterThanOrEqual(3);
    expect(served).toBeLessThanOrEqual(3 + hashesAtATime);
    for (const result of flood) if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'overloaded' });
    expect(await few.verify(null, 'afterwards')).toBe(false);
    expect(hashesAtATime * 19).toBeLessThanOrEqual(64);
    expect(hashesWaiting).toBeLessThanOrEqual(100);
  });
});
