import { describe, expect, it } from 'vitest';
import { passGate } from '../../../src/server/ingest/gate.ts';

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

  it('the place of a message is that among all that were given', () => {
    const { messages } = passGate([{ role: 'system', content: 's' }, user(' '), user('x')], {});
    expect(messages.map(({ index }) => index)).toEqual([2]);
  });
});
