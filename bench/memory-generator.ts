/**
 * Realistic memories, made up from word lists: the same ones for the same seed. They come as people's do, a few per
 * conversation, which then share platform, address and some tags; ids are UUIDv7 of the time of writing. bench/README.md
 * tells how their size and their compressibility were set.
 */
import type { Hlc } from '../src/core/clock.ts';
import { idFromBytes, type MemoryId } from '../src/core/ids.ts';
import type { MemoryScope, MemoryType, Source } from '../src/core/memory.ts';
import { tagRegister, type Write } from '../src/core/register.ts';
import type { PushedOp } from '../src/protocol/frames.ts';
import { createRandom, type Random } from './random.ts';
import * as words from './word-lists.ts';

const firstMs = Date.UTC(2024, 0, 1);
const types: readonly MemoryType[] = ['fact', 'preference', 'task', 'project', 'meta'];
const scopes: readonly MemoryScope[] = ['user_global', 'conversation', 'site', 'session'];

interface Conversation {
  readonly source: Source | null;
  readonly tags: readonly string[];
  readonly memories: number;
}

/** The first ops of `count` new memories, in the order of their times. */
export function createMemories(count: number, seed: number): PushedOp[] {
  const random = createRandom(seed);
  const ops: PushedOp[] = [];
  let ms = firstMs;
  while (ops.length < count) {
    const conversation = createConversation(random);
    ms += random.below(30 * 60_000);
    for (let i = 0; i < conversation.memories && ops.length < count; i++) {
      ms += 1_000 + random.below(5 * 60_000);
      ops.push(createOp({ ms, count: 0 }, conversation, random));
    }
  }
  return ops;
}

function createConversation(random: Random): Conversation {
  const tags = Array.from({ length: 1 + random.below(3) }, () => random.zipf(words.tags));
  return { source: createSource(random), tags, memories: 1 + random.below(6) };
}

/** Most memories come from a page of an assistant; the others were typed in, or brought by a script. */
function createSource(random: Random): Source | null {
  const { platform, address } = random.zipf(words.platforms);
  if (random.chance(0.5)) return null;
  return random.chance(0.65)
    ? { url: address + idFromBytes(random.bytes(16)), platform }
    : { url: new URL(address).origin, platform };
}

function createOp(hlc: Hlc, conversation: Conversation, random: Random): PushedOp {
  const type = random.zipf(types);
  const tags = new Set(conversation.tags.filter(() => random.chance(0.6)));
  const writes: Write[] = [
    { register: 'content', value: createContent(type, random) },
    { register: 'type', value: type },
    { register: 'scope', value: random.zipf(scopes) },
  ];
  if (random.chance(0.8)) writes.push({ register: 'confidence', value: (50 + random.below(51)) / 100 });
  if (conversation.source !== null) writes.push({ register: 'source', value: conversation.source });
  for (const tag of tags) writes.push({ register: tagRegister(tag), value: true });
  return { memoryId: createId(hlc.ms, random), hlc, change: { writes } };
}

function createContent(type: MemoryType, random: Random): string {
  const { zipf, chance } = random;
  const who = (): string => (chance(0.4) ? 'the user' : createPerson(random));
  const sometimes = (probability: number, phrases: readonly string[]): string => (chance(probability) ? ` ${zipf(phrases)}` : '');
  const start = {
    preference: () => `${who()} ${zipf(words.habits)} ${chance(0.4) ? zipf(words.objects) : createThing(random)}`,
    fact: () => `${who()} ${zipf(words.facts)}`,
    task: () =>
      `${chance(0.4) ? `${who()} has to ` : ''}${zipf(words.tasks)} ${chance(0.4) ? zipf(words.things) : `the ${createThing(random)}`}`,
    project: () => `${chance(0.4) ? zipf(words.projects) : `the ${createThing(random)}`} ${zipf(words.states)}`,
    meta: () => `${chance(0.5) ? 'the assistant should ' : ''}${zipf(words.assistantHabits)}`,
  }[type]();
  const detail = chance(0.75) ? ` ${createDetail(random)}` : '';
  const end = detail + sometimes(0.2, words.places) + sometimes(0.3, words.times) + sometimes(0.2, words.reasons);
  return `${start.charAt(0).toUpperCase()}${start.slice(1)}${end}.`;
}

/** What makes memories differ: names, numbers, and words that do not always go together. */
function createDetail(random: Random): string {
  const { below } = random;
  const details = [
    () => `with ${createPerson(random)}`,
    () => `for ${createPerson(random)}`,
    () => `about ${createThing(random)}`,
    () => `and the ${createThing(random)}`,
    () => `from ${createName(random)}`,
    () => `for ${5 + below(2_000)} euros`,
    () => `in room ${1 + below(400)}`,
    () => `at ${7 + below(14)}:${String(5 * below(12)).padStart(2, '0')}`,
  ];
  return (details[below(details.length)] ?? (() => ''))();
}

function createPerson(random: Random): string {
  return random.chance(0.6) ? random.zipf(words.people) : createName(random);
}

function createThing({ chance, zipf }: Random): string {
  return `${chance(0.6) ? `${zipf(words.adjectives)} ` : ''}${chance(0.3) ? `${zipf(words.nouns)} ` : ''}${zipf(words.nouns)}`;
}

function createName({ below, zipf }: Random): string {
  const name = Array.from({ length: 2 + below(2) }, () => zipf(words.syllables)).join('');
  return name.charAt(0).toUpperCase() + name.slice(1);
}

/** UUIDv7 (RFC 9562): 48 bits of Unix ms, the rest random. */
function createId(ms: number, random: Random): MemoryId {
  const bytes = random.bytes(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(ms / 2 ** 16));
  view.setUint16(4, ms % 2 ** 16);
  view.setUint8(6, 0x70 | (view.getUint8(6) & 0x0f));
  view.setUint8(8, 0x80 | (view.getUint8(8) & 0x3f));
  return idFromBytes(bytes);
}
