/** Listing and searching on the device alone. */
import type { MemoryScope, MemoryType } from '../core/memory.ts';
import type { ClientMemory, ListOptions, MemoryFilter, SearchResult } from './client-api.ts';

export function matchesFilter(memory: ClientMemory, filter: MemoryFilter): boolean {
  const { type, scope, tags, platform, conversationId, from, to, minConfidence, deleted = false } = filter;
  return (
    memory.deleted === deleted &&
    isOneOf<MemoryType>(type, memory.type) &&
    isOneOf<MemoryScope>(scope, memory.scope) &&
    (tags ?? []).every((tag) => memory.tags.includes(tag)) &&
    (platform === undefined || memory.source?.platform === platform) &&
    (conversationId === undefined || memory.source?.conversationId === conversationId) &&
    (from === undefined || memory.createdAt >= from) &&
    (to === undefined || memory.createdAt <= to) &&
    (minConfidence === undefined || (memory.confidence ?? -1) >= minConfidence)
  );
}

/** Newest first; of the same time, the greater id. */
export function listMemories(
  memories: Iterable<ClientMemory>,
  { order = 'updated', limit, ...filter }: ListOptions,
): ClientMemory[] {
  const timeOf = order === 'created' ? (memory: ClientMemory) => memory.createdAt : (memory: ClientMemory) => memory.updatedAt;
  const found: ClientMemory[] = [];
  for (const memory of memories) if (matchesFilter(memory, filter)) found.push(memory);
  found.sort((a, b) => timeOf(b) - timeOf(a) || (a.id < b.id ? 1 : -1));
  return limit === undefined ? found : found.slice(0, limit);
}

/**
 * By words: each word of the query that a memory holds counts by its rarity (the inverse document frequency of Robertson and
 * Spärck Jones, 1976), a word that only begins so counts half. A word of one script without spaces is found as a part.
 */
export function searchMemories(memories: Iterable<ClientMemory>, query: string, limit: number): SearchResult[] {
  const wanted = [...new Set(wordsOf(query))];
  if (wanted.length === 0) return [];
  const documents = Array.from(memories, (memory) => {
    const text = `${memory.content} ${memory.tags.join(' ')} ${memory.source?.title ?? ''}`;
    return { memory, words: new Set(wordsOf(text)), text: fold(text) };
  });
  const weightByWord = new Map(
    wanted.map((word) => [word, rarity(documents.filter(({ words }) => words.has(word)).length, documents.length)]),
  );
  return documents
    .map(({ memory, words, text }) => {
      const score = wanted.reduce((sum, word) => sum + (weightByWord.get(word) ?? 0) * occurrence(word, words, text), 0);
      return { memory, score };
    })
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || b.memory.updatedAt - a.memory.updatedAt)
    .slice(0, limit);
}

function isOneOf<T>(wanted: T | readonly T[] | undefined, value: T): boolean {
  if (wanted === undefined) return true;
  return Array.isArray(wanted) ? wanted.includes(value) : wanted === value;
}

function occurrence(word: string, words: ReadonlySet<string>, text: string): number {
  if (words.has(word)) return 1;
  return text.includes(word) ? 0.5 : 0;
}

const rarity = (having: number, all: number): number => Math.log(1 + (all - having + 0.5) / (having + 0.5));

/** Compatibility forms and case are one, and so are letters with and without marks. */
const fold = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

const wordsOf = (text: string): string[] => fold(text).match(/[\p{L}\p{N}]+/gu) ?? [];
