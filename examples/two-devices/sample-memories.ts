/** Twenty memories of one person who talks to two assistants. */
import type { MemoryFields, MemoryType } from '../../src/core/memory.ts';

type Line = readonly [type: MemoryType, content: string, ...tags: readonly string[]];

export const sampleLaptop = toMemories('claude', 'kitchen-and-garden', [
  ['preference', 'Wants answers in short paragraphs, with the result first and the reasons after it.', 'style'],
  ['project', 'Is rebuilding the kitchen; the worktop has to be chosen by the end of the month.', 'kitchen', 'home'],
  ['fact', 'The kitchen window faces north-west and gets no direct sun before four in the afternoon.', 'kitchen'],
  ['task', 'Ask the carpenter whether oak darkens more under oil or under varnish.', 'kitchen', 'carpenter'],
  ['fact', 'Is allergic to hazelnuts; walnuts and almonds are fine.', 'health', 'food'],
  ['preference', 'Cooks for four on Sundays and wants recipes that can wait in the oven for an hour.', 'food'],
  ['fact', 'The garden soil is heavy clay with a pH of about 7.4.', 'garden'],
  ['task', 'Order tulip bulbs before the middle of September.', 'garden'],
  ['fact', 'Keeps two hens; they are not allowed in the vegetable beds.', 'garden', 'animals'],
  ['meta', 'The assistant tends to suggest acid-loving plants; remind it of the clay.', 'garden', 'assistant'],
]);

export const samplePhone = toMemories('chatgpt', 'work-and-travel', [
  ['project', 'Writes a travel guide to small railways in Portugal, twelve chapters, four of them done.', 'book', 'portugal'],
  ['fact', 'Lives in Gent and takes the 7:42 train to Brussel on Tuesdays and Thursdays.', 'train', 'home'],
  ['preference', 'Prefers night trains to flights, also when they cost more.', 'travel', 'train'],
  ['fact', 'Speaks Dutch and French, reads Portuguese, and does not want it translated.', 'language'],
  ['task', 'Book the ferry from Setúbal to Tróia for the second week of May.', 'portugal', 'travel'],
  ['fact', 'The Tua line was closed by the dam; only the part at Mirandela can still be seen.', 'book', 'train'],
  ['preference', 'Uses metric units and the 24-hour clock.', 'style'],
  ['fact', 'Sister Anneke has her birthday on 3 March and collects enamel signs.', 'family'],
  ['task', 'Send the fifth chapter to the editor, Inês, by Friday.', 'book', 'work'],
  ['meta', 'The assistant should ask before it invents opening hours.', 'assistant'],
]);

function toMemories(platform: string, conversationId: string, lines: readonly Line[]): MemoryFields[] {
  return lines.map(([type, content, ...tags]) => ({
    content,
    type,
    scope: 'user_global',
    confidence: 0.9,
    source: { platform, conversationId },
    tags,
  }));
}
