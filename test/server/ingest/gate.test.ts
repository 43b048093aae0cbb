import { describe, expect, it } from 'vitest';
import { splitIntoTurns } from '../../../src/server/ingest/conversation.ts';
import { passGate } from '../../../src/server/ingest/gate.ts';
import { extractByRules } from '../../../src/server/ingest/rule-extractor.ts';

const user = (content: string) => ({ role: 'user', content }) as const;

describe('the gate', () => {
  it('takes out memories that were put in, closed or not, and keeps what stands around', () => {
    const { messages, counts } = passGate(
      [
        user('a <aibrain-memories count="2">x</aibrain-memories> b <AIBRAIN-MEMORIES>y</AIBRAIN-MEMORIES> c'),
        user('d <aibrain-memories>never closed'),
        user('<aibrain-memories>alone</aibrain-memories>'),
      ],
      {},
    );
    expect(messages.map(({ index, content }) => [index, content])).toEqual([
      [0, 'a  b  c'],
      [1, 'd'],
    ]);
    expect(counts).toEqual({ injected_context: 4 });
  });

  it('cleans the address and the title, too', () => {
    const { context, counts } = passGate([user('x')], {
      url: 'https://ada:s3cr3t@chat.example/c?access_token=abc123def',
      title: 'Password: hunter2',
      platform: 'chat',
    });
    expect(JSON.stringify(context)).not.toMatch(/s3cr3t|abc123def|hunter2/);
    expect(context.platform).toBe('chat');
    expect(counts).toEqual({ secret: 3 });
  });

  /** Two MB of each: a pattern that takes more than linear time does not come to an end. */
  it.each([
    '-eyJ',
    'eyJaaaaaaaa.',
    'Bearer ',
    'SG.aaaaaaaaaaaaaaaaaaaa',
    '4111 ',
    'DE89 ',
    'password is ',
    'passphrase: ',
    '-----BEGIN PRIVATE KEY-----',
    '<aibrain-memories ',
    '<aibrain-memories>',
    'a://b:',
    ', ',
    '\n',
    'and i ',
    'User: ',
    '```',
    'x',
  ])('[SEC-3] comes to an end with a message of nothing but %j', (piece) => {
    const text = piece.repeat(Math.floor(2_000_000 / piece.length));
    for (const content of [text, `My name is ${text}`]) {
      const { messages } = passGate([user(content), ...splitIntoTurns(content).slice(0, 2)], {});
      expect(extractByRules(messages, '2026-01-07T12:00:00Z').length).toBeLessThan(10);
    }
  });

  it('the place of a message is that among all that were given', () => {
    const { messages } = passGate([{ role: 'system', content: 's' }, user(' '), user('x')], {});
    expect(messages.map(({ index }) => index)).toEqual([2]);
  });
});
