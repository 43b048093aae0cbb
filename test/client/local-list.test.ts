/** Listing and searching on the device. */
import { describe, expect, it } from 'vitest';
import { listMemories, searchMemories } from '../../src/client/local-list.ts';
import type { MemoryId } from '../../src/core/ids.ts';
import type { Memory } from '../../src/core/memory.ts';

const memory = (n: number, fields: Partial<Memory>): Memory => ({
  id: `018f0000-0000-7000-8000-${String(n).padStart(12, '0')}` as MemoryId,
  seq: n,
  content: `memory ${n}`,
  type: 'fact',
  scope: 'user_global',
  confidence: null,
  source: null,
  tags: [],
  deleted: false,
  erased: false,
  createdAt: n,
  updatedAt: n,
  ...fields,
});

const contents = (memories: readonly Memory[]): string[] => memories.map(({ content }) => content);

describe('the list of a device', () => {
  it('[MRG-4] is newest first by either time, with the filters of the API', () => {
    const all = [
      memory(1, { updatedAt: 9, type: 'task', tags: ['a', 'b'], confidence: 0.9 }),
      memory(2, { scope: 'site', source: { platform: 'claude', conversationId: 'c' } }),
      memory(3, { deleted: true }),
    ];
    expect(contents(listMemories(all, {}))).toEqual(['memory 1', 'memory 2']);
    expect(contents(listMemories(all, { order: 'created' }))).toEqual(['memory 2', 'memory 1']);
    expect(contents(listMemories(all, { deleted: true }))).toEqual(['memory 3']);
    expect(contents(listMemories(all, { type: ['task', 'project'] }))).toEqual(['memory 1']);
    expect(contents(listMemories(all, { tags: ['b', 'a'] }))).toEqual(['memory 1']);
    expect(contents(listMemories(all, { tags: ['b', 'c'] }))).toEqual([]);
    expect(contents(listMemories(all, { platform: 'claude', conversationId: 'c', scope: 'site' }))).toEqual(['memory 2']);
    expect(contents(listMemories(all, { from: 2, to: 2 }))).toEqual(['memory 2']);
    expect(contents(listMemories(all, { minConfidence: 0.5 }))).toEqual(['memory 1']);
    expect(contents(listMemories(all, { limit: 1 }))).toEqual(['memory 1']);
  });
});

describe('the search of a device', () => {
  const search = (texts: readonly string[], query: string): string[] =>
    contents(
      searchMemories(
        texts.map((content, n) => memory(n, { content })),
        query,
        10,
      ).map((found) => found.memory),
    );

  it('[MRG-4] puts rare words before common ones, whole words before parts', () => {
    expect(search(['likes tea', 'likes coffee', 'likes the teapot'], 'tea')).toEqual(['likes tea', 'likes the teapot']);
    expect(search(['the plan', 'the budget', 'the cat', 'a budget'], 'the budget')[0]).toBe('the budget');
    expect(search(['a', 'b'], 'zebra')).toEqual([]);
    expect(search(['a'], ' …')).toEqual([]);
  });

  it('[MRG-4] finds a memory by its own words in any script, with and without marks', () => {
    expect(search(['喜欢喝绿茶', '住在柏林'], '绿茶')).toEqual(['喜欢喝绿茶']);
    expect(search(['Любит короткие ответы', 'Живёт в Берлине'], 'живет')).toEqual(['Живёт в Берлине']);
    expect(search(['Übt Gitarre', 'Mag Tee'], 'ubt')).toEqual(['Übt Gitarre']);
  });

  it('[MRG-4] looks at tags and titles too', () => {
    const tagged = memory(1, { tags: ['garden'] });
    const titled = memory(2, { source: { title: 'Garden plans' } });
    expect(searchMemories([tagged, titled, memory(3, {})], 'garden', 10)).toHaveLength(2);
  });
});
