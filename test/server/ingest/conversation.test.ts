import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkLimits, halve, toChunks } from '../../../src/server/ingest/chunks.ts';
import { conversationKey, identify, type Message, splitIntoTurns } from '../../../src/server/ingest/conversation.ts';

const conversation = (contents: readonly string[]): readonly Message[] =>
  identify(contents.map((content, index) => ({ index, role: index % 2 === 0 ? 'user' : 'assistant', content, at: null })));

describe('turns of a text', () => {
  it('begin with who speaks, in the usual ways of writing it', () => {
    const text = 'User: Hi\nthere\n\n**Assistant:** Hello: you\nHuman: a\r\nChatGPT said: b\nYou:c\nSystem: d\nTool: e';
    expect(splitIntoTurns(text)).toEqual([
      { role: 'user', content: 'Hi\nthere' },
      { role: 'assistant', content: 'Hello: you' },
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
      { role: 'user', content: 'c' },
      { role: 'system', content: 'd' },
      { role: 'tool', content: 'e' },
    ]);
  });

  it('a text without any is one message of the user', () => {
    expect(splitIntoTurns('Note: I like tea\nand more')).toEqual([{ role: 'user', content: 'Note: I like tea\nand more' }]);
    expect(splitIntoTurns(' \n ')).toEqual([]);
  });
});

describe('identities', () => {
  it('stay when the conversation grows, and tell equal messages apart', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('ok', 'no', 'tea')), fc.array(fc.constantFrom('ok', 'no', 'tea')), (first, more) => {
        const before = conversation(first).map(({ hash }) => hash.toString('hex'));
        const after = conversation([...first, ...more]).map(({ hash }) => hash.toString('hex'));
        expect(after.slice(0, before.length)).toEqual(before);
        expect(new Set(after).size).toBe(after.length);
      }),
    );
  });

  it('of the conversation: by its id, else its address, else how it begins', () => {
    const key = (context: Parameters<typeof conversationKey>[0], ...contents: readonly string[]) =>
      conversationKey(context, conversation(contents)).toString('hex');
    expect(key({ conversationId: 'a', url: 'https://a.org/1' }, 'x')).toBe(key({ conversationId: 'a', title: 't' }, 'y'));
    expect(key({ conversationId: 'a', platform: 'p' })).not.toBe(key({ conversationId: 'a', platform: 'q' }));
    expect(key({ url: 'https://a.org/1#x' }, 'x')).toBe(key({ url: 'https://a.org/1' }, 'y'));
    expect(key({ url: 'https://a.org/1' })).not.toBe(key({ url: 'https://a.org/2' }));
    expect(key({}, 'x', 'y')).toBe(key({}, 'x'));
    expect(key({}, 'x')).not.toBe(key({}, 'y'));
  });
});

describe('chunks', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 30_000 }), { maxLength: 12 });
  const wordy = (length: number): string =>
    'some words. and\n\nmore 😀 '
      .repeat(Math.ceil(length / 24))
      .slice(0, length)
      .toWellFormed();

  it('hold every new message once, in order, within the bound, and what came before as a little context', () => {
    fc.assert(
      fc.property(lengths, fc.nat(6), (sizes, known) => {
        const messages = conversation(sizes.map(wordy));
        const chunks = toChunks(messages, ({ index }) => index >= known);
        const textByIndex = new Map<number, string>();
        for (const { parts, context } of chunks) {
          expect(parts.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(chunkLimits.chars);
          expect(context.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThanOrEqual(chunkLimits.contextChars);
          for (const { message, text } of parts) {
            expect(text.isWellFormed()).toBe(true);
            textByIndex.set(message.index, (textByIndex.get(message.index) ?? '') + text);
          }
          const first = parts[0]?.message.index ?? 0;
          expect(context.every(({ message }) => message.index <= first)).toBe(true);
        }
        expect([...textByIndex]).toEqual(messages.slice(known).map(({ index, content }) => [index, content]));
      }),
      { numRuns: 50 },
    );
  });

  it('a message is only split when it alone is longer than a chunk', () => {
    const chunks = toChunks(conversation([wordy(9_000), wordy(9_000), wordy(30_000)]), () => true);
    expect(chunks.map(({ parts }) => parts.map(({ message }) => message.index))).toEqual([[0], [1], [2], [2], [2]]);
  });

  it('in halves they say the same, until there is little left', () => {
    const [chunk] = toChunks(conversation([wordy(5_000)]), () => true);
    const halves = chunk === undefined ? null : halve(chunk);
    expect(halves?.flatMap(({ parts }) => parts.map(({ text }) => text)).join('')).toBe(wordy(5_000));
    const [small] = toChunks(conversation(['tea']), () => true);
    expect(small === undefined ? undefined : halve(small)).toBeNull();
  });
});
