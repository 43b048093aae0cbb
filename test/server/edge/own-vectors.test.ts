/** Vectors that callers bring with their memories, over HTTP, and what is shown and erased of them. */
import { expect, it } from 'vitest';
import type { MemoryJson } from '../../../src/server/edge/memory-json.ts';
import { type MemoryList, type Updates, useServer } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

describeOnEachEngine('vectors of callers', (open) => {
  // Nobody is there who could make vectors: what there is callers have brought.
  const fixture = useServer(open, { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' });
  const rows = (userId: string) =>
    fixture.server.deps.db.query<{ model: string }>('select model from memory_vectors where user_id = $1::uuid order by 1', [
      userId,
    ]);

  it('[LOG-7] a memory that brings its vector is embedded on every route, until its content changes', async () => {
    const api = await fixture.login();
    const { id, embedded } = await api.create({ embedding: [1, 2, 3], embeddingModel: 'mine' });
    expect(embedded).toBe(true);
    const plain = await api.create({ content: 'without', embedding: [0.5] });
    expect(plain.embedded).toBe(true);
    expect((await api.create({ content: 'bare' })).embedded).toBe(false);
    expect((await rows(api.user.user.id)).map(({ model }) => model)).toEqual(['mine', 'text-embedding-3-small']);
    expect((await api.get<MemoryJson>(`/memories/${id}`)).body.embedded).toBe(true);
    expect((await api.get<MemoryList>('/memories')).body.memories.map((memory) => memory.embedded)).toEqual([false, true, true]);
    const { changes } = (await api.get<Updates>('/memories/sync/updates')).body;
    expect(changes.map(({ memory }) => memory?.embedded)).toEqual([true, true, false]);
    expect((await api.call<MemoryJson>('PUT', `/memories/${id}`, { tags: ['x'] })).body.embedded).toBe(true);
    expect((await api.call<MemoryJson>('PUT', `/memories/${id}`, { content: 'other' })).body.embedded).toBe(false);
  });

  it('[SEC-2] what is no vector is refused, and nothing is written', async () => {
    const api = await fixture.login();
    const body = { content: 'x', type: 'fact', scope: 'site' };
    const wrong = [
      { embedding: [] },
      { embedding: new Array(1537).fill(0) },
      { embedding: ['1'] },
      { embedding: [null] },
      { embedding: 'x' },
      { embedding: [1], embeddingModel: '' },
      { embedding: [1], embeddingModel: 'x'.repeat(129) },
      { embedding: [1], embeddingModel: 'lexical-1' },
    ];
    for (const fields of wrong) {
      const answer = await api.call('POST', '/memories', { ...body, ...fields });
      expect([answer.status, answer.body.code], JSON.stringify(fields).slice(0, 60)).toEqual([400, 'invalid_request']);
    }
    expect(await api.head()).toBe(0);
  });

  it('[LOG-3] an erased memory takes its vectors along, and the count of the others stays right', async () => {
    const api = await fixture.login();
    const { id } = await api.create({ embedding: [1, 2, 3] });
    await api.create({ content: 'stays', embedding: [1, 2] });
    await api.call('DELETE', `/memories/${id}?erase=true`);
    expect(await rows(api.user.user.id)).toHaveLength(1);
    expect(
      await fixture.server.deps.db.query('select vectors from vector_heads where user_id = $1::uuid', [api.user.user.id]),
    ).toEqual([{ vectors: 1 }]);
  });

  it('[SYN-12] a collected memory leaves no vector', async () => {
    const api = await fixture.login();
    const { id } = await api.create({ embedding: [1, 2, 3] });
    await api.call('DELETE', `/memories/${id}`);
    const later = Date.now() + 86_400_000;
    const userId = api.user.user.id as Parameters<typeof fixture.server.deps.collector.collect>[0];
    await fixture.server.deps.append.submit({ kind: 'collect', userId, deletedBefore: later, seenAfter: later });
    expect(await rows(api.user.user.id)).toHaveLength(0);
  });
});
