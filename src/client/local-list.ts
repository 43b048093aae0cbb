/** Listing and searching on the device alone. */
import type { Memory, MemoryScope, MemoryType } from '../core/memory.ts';
import type { ListOptions, MemoryFilter } from './client-api.ts';

function matchesFilter(memory: Memory, filter: MemoryFilter): boolean {
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
export function listMemories(memories: Iterable<Memory>, { order = 'updated', limit, ...filter }: ListOptions): Memory[] {
  const timeOf = order === 'created' ? (memory: Memory) => memory.createdAt : (memory: Memory) => memory.updatedAt;
  const found: Memory[] = [];
  for (const memory of memories) if (matchesFilter(memory, filter)) found.push(memory);
  found.sort((a, b) => timeOf(b) - timeOf(a) || (a.id < b.id ? 1 : -1));
  return limit === undefined ? found : found.slice(0, limit);
}

interface Scored {
  readonly memory: Memory;
  readonly score: number;
}

/**
 * By words: each word of the query that a memory holds counts by its rarity (the inverse document frequency of Robertson and
 * Spärck Jones, 1976), and half when it is only part of a word, which is also how scripts without spaces are found.
 */
export function searchMemories(memories: readonly Memory[], query: string, limit: number): Scored[] {
  const wanted = [...new Set(wordsOf(fold(query)))];
  const texts = memories.map((memory) => fold(`${memory.content} ${memory.tags.join(' ')} ${memory.source?.title ?? ''}`));
  const scores = new Float64Array(memories.length);
  for (const word of wanted) {
    const occurrences = texts.map((text) => occurrence(word, text));
    const weight = rarity(occurrences.filter((occurs) => occurs > 0).length, memories.length);
    for (const [index, occurs] of occurrences.entries()) scores[index] = (scores[index] ?? 0) + occurs * weight;
  }
  return memories
    .map((memory, index) => ({ memory, score: scores[index] ?? 0 }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || b.memory.updatedAt - a.memory.updatedAt)
    .slice(0, limit);
}

function isOneOf<T>(wanted: T | readonly T[] | undefined, value: T): boolean {
  if (wanted === undefined) return true;
  return Array.isArray(wanted) ? wanted.includes(value) : wanted === value;
}

function occurrence(word: string, text: string): number {
  if (!text.includes(word)) return 0;
  return wordsOf(text).includes(word) ? 1 : 0.5;
}

const rarity = (having: number, all: number): number => Math.log(1 + (all - having + 0.5) / (having + 0.5));

/** Compatibility forms and case are one, and so are letters with and without marks. */
const fold = (text: string): string => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

const wordsOf = (folded: string): string[] => folded.match(/[\p{L}\p{N}]+/gu) ?? [];
