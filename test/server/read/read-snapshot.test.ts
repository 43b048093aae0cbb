/** Pages of the memories as they stand. */
import { expect, it } from 'vitest';
import type { MemoryId, UserId } from '../../../src/core/ids.ts';
import { readSnapshot } from '../../../src/server/read/read-snapshot.ts';
import { useServer } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

describeOnEachEngine('a snapshot', (open) => {
  const fixture = useServer(open);

  /** Contents of so many characters, three bytes each, and a reader of pages. */
  async function fill(characters: readonly number[]) {
    const api = await fixture.login();
    const ids: string[] = [];
    for (const count of characters) ids.push((await api.create({ content: '茶'.repeat(count) })).id);
    const userId = api.user.user.id as UserId;
    const read = (bounds: { readonly maxMemories?: number; readonly maxBytes?: number }, after: MemoryId | null = null) =>
      readSnapshot(fixture.server.deps.db, { userId, after, ...bounds });
    return { newestFirst: ids.sort().reverse(), read };
  }

  it('[SYN-5] is cut by number: newest ids first, and the last page says so', async () => {
    const { newestFirst, read } = await fill([1, 1, 1, 1]);
    const seen: string[] = [];
    const lasts: boolean[] = [];
    for (let after: MemoryId | null = null; lasts.at(-1) !== true; ) {
      const { memories, isLast } = await read({ maxMemories: 2 }, after);
      seen.push(...memories.map((memory) => memory.id));
      lasts.push(isLast);
      after = memories.at(-1)?.id ?? null;
    }
    expect(seen).toEqual(newestFirst);
    expect(lasts).toEqual([false, true]);
    expect(await read({ maxMemories: 2 }, newestFirst.at(-1) as MemoryId)).toEqual({ memories: [], isLast: true });
  });

  it('[SYN-5] [SEC-3] is cut by bytes, not by characters, and holds one memory at least', async () => {
    const { read } = await fill([10, 10, 10, 100, 10]);
    const sizes: number[][] = [];
    for (let after: MemoryId | null = null, isLast = false; !isLast; ) {
      const page = await read({ maxBytes: 65 }, after);
      sizes.push(page.memories.map((memory) => memory.content.length));
      ({ isLast } = page);
      after = page.memories.at(-1)?.id ?? null;
    }
    expect(sizes).toEqual([[10], [100], [10, 10], [10]]);
  });

  it('[SEC-3] counts tags and source too', async () => {
    const api = await fixture.login();
    for (const title of ['a'.repeat(100), 'b'.repeat(100)])
      await api.create({ content: '1', tags: ['t'.repeat(60)], source: { title } });
    const userId = api.user.user.id as UserId;
    const page = await readSnapshot(fixture.server.deps.db, { userId, after: null, maxBytes: 300 });
    expect([page.memories.length, page.isLast]).toEqual([1, false]);
  });
});
