import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasSecret, redactSecrets, secretMark } from '../../../src/server/ingest/secrets.ts';

/** What must not be left of each text. Put together here, so that no scanner of repositories takes them for lost keys. */
const secrets: readonly (readonly [name: string, text: string, secret: string])[] = [
  ['an OpenAI key', `use ${'sk-'}proj-Abc123Def456Ghi789Jkl012, it works`, 'Abc123'],
  ['an Anthropic key', `${'sk-'}ant-api03-Abc123Def456Ghi789Jkl012`, 'Abc123'],
  ['a Stripe key', `${'sk_'}live_Abc123Def456Ghi789Jkl012`, 'Abc123'],
  ['an AWS key', `id ${'AKIA'}IOSFODNN7EXAMPLE`, 'IOSFODNN7'],
  ['a Google key', `${'AIza'}SyA-1234567890abcdefghijklmnopqrstu`, '1234567890abc'],
  ['a GitHub token', `${'ghp_'}abcdefghijklmnopqrstuvwxyz0123456789`, 'abcdefghij'],
  ['a GitHub fine-grained token', `${'github_'}pat_11ABCDEFG0123456789_abcdef`, '11ABCDEFG'],
  ['a GitLab token', `${'glpat-'}abcdefghij0123456789`, 'abcdefghij'],
  ['a Slack token', `${'xoxb-'}123456789012-abcdefghijkl`, 'abcdefghijkl'],
  ['an npm token', `${'npm_'}abcdefghijklmnopqrstuvwxyz0123456789`, 'abcdefghij'],
  ['a Hugging Face token', `${'hf_'}abcdefghijklmnopqrstuvwxyz`, 'abcdefghij'],
  ['a Telegram token', `bot 123456789:${'AA'}abcdefghijklmnopqrstuvwxyz1234567`, 'abcdefghij'],
  ['a JSON Web Token', `${'eyJ'}hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl done`, 'c2lnbmF0dXJl'],
  ['a private key', `-----BEGIN ${'RSA PRIVATE'} KEY-----\nMIIEow\n-----END ${'RSA PRIVATE'} KEY-----\nafter`, 'MIIEow'],
  ['a private key cut short', `-----BEGIN ${'PRIVATE'} KEY-----\nMIIEow`, 'MIIEow'],
  ['a bearer header', 'Authorization: Bearer abcdefghijklmnop.qrst', 'abcdefghijklmnop'],
  ['a password', 'Password: hunter2', 'hunter2'],
  ['a password in quotes', '{"password": "correct horse"}', 'correct horse'],
  ['an assignment', 'export API_KEY=abc123def', 'abc123def'],
  ['a client secret', 'client_secret = "q w e"', 'q w e'],
  ['a passphrase', 'passphrase: correct horse battery staple', 'horse battery'],
  ['a spoken password', 'My password is hunter2.', 'hunter2'],
  ['a spoken password for something', 'my password for gmail is hunter2', 'hunter2'],
  ['a German password', 'Mein Passwort lautet geheim123!', 'geheim123'],
  ['a PIN', 'PIN: 4711', '4711'],
  ['a card', 'card 4111 1111 1111 1111, valid', '4111'],
  ['a card with dashes', '5500-0055-5555-5559', '5500'],
  ['an American Express card', '378282246310005', '3782'],
  ['an IBAN', 'IBAN DE89 3704 0044 0532 0130 00 please', '3704'],
  ['credentials of a URL', 'postgres://admin:s3cr3t@db.example/x', 's3cr3t'],
];

const harmless: readonly string[] = [
  'My password is too long to remember',
  'Das Passwort ist abgelaufen',
  'The secret of good coffee is patience',
  'I forgot my password again',
  'Order 4111 1111 1111 1112 has shipped',
  'The number 0000 0000 0000 0000 is no card',
  'ISBN 978-3-16-148410-0, phone +49 170 1234567',
  'Version 20260105.1 of sk-learn',
  'See https://example.org/a:b@c and mail me@example.org',
  'On 2026-01-05T09:00:00Z at id 01234567-89ab-7def-8123-456789abcdef',
  'My skin is sk-sensitive',
];

describe('secrets', () => {
  it.each(secrets)('%s is taken out', (_, text, secret) => {
    const redacted = redactSecrets(text);
    expect(redacted.text).not.toContain(secret);
    expect(redacted.text).toContain(secretMark);
    expect(redacted.count).toBe(1);
    expect(hasSecret(text)).toBe(true);
  });

  it.each(harmless)('%s: is left as it is', (text) => {
    expect(redactSecrets(text)).toEqual({ text, count: 0 });
  });

  it('what stands around stays, and a second look finds nothing more', () => {
    fc.assert(
      fc.property(fc.constantFrom(...secrets), fc.constantFrom(...harmless), fc.constantFrom(...harmless), ([, text], a, b) => {
        const once = redactSecrets(`${a}\n${text}\n${b}`);
        expect(once.text.startsWith(`${a}\n`)).toBe(true);
        expect(redactSecrets(once.text)).toEqual({ text: once.text, count: 0 });
      }),
    );
  });
});
