import { describe, expect, it } from 'vitest';
import { identify } from '../../../src/server/ingest/conversation.ts';
import { extractByRules } from '../../../src/server/ingest/rule-extractor.ts';

const now = '2026-01-07T12:00:00Z';

const read = (content: string, role: 'user' | 'assistant' = 'user') =>
  extractByRules(identify([{ index: 0, role, content, at: null }]), now).map((found) => [found.type, found.content]);

type Pair = readonly [type: string, content: string];

const cases: readonly (readonly [said: string, found: readonly Pair[]])[] = [
  ['I prefer dark mode.', [['preference', 'I prefer dark mode.']]],
  ['Btw, I really love hiking!', [['preference', 'I really love hiking!']]],
  ["I don't like coriander", [['preference', "I don't like coriander"]]],
  ['My favourite colour is green', [['preference', 'My favourite colour is green']]],
  ['My favorite IDE is Vim', [['preference', 'My favorite IDE is Vim']]],
  ['From now on answer briefly', [['preference', 'From now on answer briefly']]],
  ['Hi, my name is Ada Lovelace.', [['fact', 'My name is Ada Lovelace.']]],
  ['Call me Al', [['fact', 'Call me Al']]],
  [
    'I live in Bern and I work at a bank',
    [
      ['fact', 'I live in Bern'],
      ['fact', 'I work at a bank'],
    ],
  ],
  ["I'm allergic to nuts", [['fact', "I'm allergic to nuts"]]],
  ['I am a nurse', [['fact', 'I am a nurse']]],
  ['I have two kids', [['fact', 'I have two kids']]],
  ['My wife works in Basel', [['fact', 'My wife works in Basel']]],
  ['Please remember that the gate code is on the fridge', [['fact', 'The gate code is on the fridge']]],
  ['Remember: I prefer tea', [['preference', 'I prefer tea']]],
  ['I need to file my taxes by Friday', [['task', 'I need to file my taxes by Friday']]],
  ['I have to call the bank tomorrow', [['task', 'I have to call the bank on 2026-01-08']]],
  ['Remind me to water the plants', [['task', 'Remind me to water the plants']]],
  ['We are building a tracker for bees', [['project', 'We are building a tracker for bees']]],
  ["I'm working on a novel", [['project', "I'm working on a novel"]]],
  [
    'Ich heiße Jörg und ich wohne in Köln.',
    [
      ['fact', 'Ich heiße Jörg'],
      ['fact', 'Ich wohne in Köln.'],
    ],
  ],
  ['Merk dir, dass der Schlüssel im Garten liegt', [['fact', 'Der Schlüssel im Garten liegt']]],
  ['Ich mag keine Oliven', [['preference', 'Ich mag keine Oliven']]],
  ['Mein Lieblingsbuch ist Momo', [['preference', 'Mein Lieblingsbuch ist Momo']]],
  ['Ich muss bis morgen die Steuer machen', [['task', 'Ich muss bis 2026-01-08 die Steuer machen']]],
  ['Wir bauen ein Haus', [['project', 'Wir bauen ein Haus']]],
];

const nothing: readonly string[] = [
  'What do I prefer?',
  'Do you think I live in a simulation?',
  'She says I like tea',
  'If I lived in Rome I would be happy',
  'How do I center a div',
  '```\nI prefer tabs\n```',
  '> I live in Paris',
  'thanks',
  'I mean it',
];

describe('rules', () => {
  it.each(cases)('%s', (said, found) => {
    expect(read(said)).toEqual(found);
  });

  it.each(nothing)('%s: nothing', (said) => {
    expect(read(said)).toEqual([]);
  });

  it('what the assistant says of itself is nothing about the user', () => {
    expect(read('I prefer tea. My name is Bot.', 'assistant')).toEqual([]);
  });

  it('takes no time worth telling for a long line of almost matches', () => {
    expect(read('i have to '.repeat(20_000))).toEqual([]);
    expect(read(`I ${'really '.repeat(20_000)}x`)).toEqual([]);
  });
});
