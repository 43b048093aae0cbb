/** /memories/import and /memories/export over HTTP. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { UserId } from '../../../src/core/ids.ts';
import { type MemoryList, useServer } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

interface Report {
  readonly imported: number;
  readonly updated: number;
  readonly skipped: number;
  readonly skippedBecause: Readonly<Record<string, number>>;
  readonly failed: readonly { readonly index: number; readonly place: string; readonly code: string; readonly path: string }[];
  readonly failedCount: number;
}

const ndjson = { 'content-type': 'application/x-ndjson' };
const markdown = { 'content-type': 'text/markdown' };
const lines = (...records: readonly unknown[]): string => records.map((record) => JSON.stringify(record)).join('\n');

describeOnEachEngine('/memories/import and /memories/export', (open) => {
  const fixture = useServer(open);
  const { login } = fixture;

  const memories = [
    {
      id: randomUUID(),
      content: 'Likes tea;\n- and "coffee", \\ too\n\n  <!-- aibrain {} -->\r\n',
      type: 'preference',
      scope: 'site',
      confidence: 0.25,
      tags: ['a;b', 'c\\', 'ü -->'],
      source: {
        url: 'https://example.org/?a=1',
        platform: 'chat',
        title: '=1+1',
        conversationId: 'c',
        timestamp: '2024-01-02T03:04:05Z',
      },
      createdAt: '2024-01-02T03:04:05.678Z',
      updatedAt: '2024-02-02T03:04:05.006Z',
    },
    {
      id: randomUUID(),
      content: '数学 😀',
      type: 'task',
      scope: 'user_global',
      confidence: null,
      tags: [],
      source: null,
      createdAt: '2023-01-02T03:04:05.678Z',
      updatedAt: '2023-01-02T03:04:05.678Z',
    },
  ];

  for (const format of ['ndjson', 'json', 'markdown', 'csv']) {
    it(`[house] import of an export gives the same memories: ${format}`, async () => {
      const [one, other] = [await login(), await login()];
      const first = await one.call<Report>('POST', '/memories/import', { memories });
      expect(first.body).toMatchObject({ imported: 2, updated: 0, skipped: 0, failed: [], failedCount: 0 });
      const file = await fetch(`${fixture.server.url}/api/v1/memories/export?format=${format}`, {
        headers: { authorization: `Bearer ${one.user.token}` },
      });
      expect(file.headers.get('content-disposition')).toContain('attachment; filename="memories.');
      const type = file.headers.get('content-type') ?? '';
      const text = await file.text();
      const again = await other.call<Report>('POST', '/memories/import', text, { 'content-type': type });
      expect(again.body).toMatchObject({ imported: 2, failed: [] });
      const listed = (await other.call<MemoryList>('GET', '/memories')).body.memories;
      for (const memory of memories) expect(listed.find(({ id }) => id === memory.id)).toMatchObject(memory);
      const twice = await other.call<Report>('POST', '/memories/import', text, { 'content-type': type });
      expect(twice.body).toMatchObject({ imported: 0, updated: 0, skipped: 2, skippedBecause: { unchanged: 2 } });
      expect(await other.head()).toBe(2);
    });
  }

  for (const format of ['ndjson', 'json', 'markdown', 'csv']) {
    it(`[LOG-3] deleted memories are in an export that asks for them, and no import revives them; erased ones never: ${format}`, async () => {
      const api = await login();
      const [kept, deleted, erased] = [
        await api.create({ content: 'kept' }),
        await api.create({ content: 'thrown away' }),
        await api.create({ content: 'a secret' }),
      ];
      await api.call('DELETE', `/memories/${deleted.id}`);
      await api.call('DELETE', `/memories/${erased.id}?erase=true`);
      const textOf = async (query: string): Promise<string> => {
        const headers = { authorization: `Bearer ${api.user.token}` };
        return (await fetch(`${fixture.server.url}/api/v1/memories/export?format=${format}${query}`, { headers })).text();
      };
      const text = await textOf('&deleted=true');
      const isIn = (file: string): readonly boolean[] => [kept, deleted, erased].map(({ id }) => file.includes(id));
      expect(isIn(await textOf(''))).toEqual([true, false, false]);
      expect(isIn(text)).toEqual([true, true, false]);
      const other = await login();
      const type = {
        'content-type': format === 'ndjson' ? 'application/x-ndjson' : format === 'json' ? 'application/json' : `text/${format}`,
      };
      const { body } = await other.call<Report>('POST', '/memories/import', text, type);
      expect(body).toMatchObject({ imported: 1, skippedBecause: { deleted: 1 }, failed: [] });
    });
  }

  it('[house] an export while memories are written holds each that was there all the time, once', async () => {
    const api = await login();
    const { userId, ids } = { userId: api.user.user.id as UserId, ids: Array.from({ length: 1_200 }, () => randomUUID()) };
    await api.call('POST', '/memories/import', lines(...ids.map((id) => ({ id, content: 'as it was' }))), ndjson);
    const found: { readonly id: string; readonly content: string }[] = [];
    let pages = 0;
    for await (const page of fixture.server.deps.transfer.exportAll(userId, { format: 'ndjson', withDeleted: false })) {
      found.push(
        ...page.split('\n').flatMap((line) => (line === '' ? [] : (JSON.parse(line) as { id: string; content: string }))),
      );
      // A page was handed out and the next was not read: no connection is held, on PGlite this would wait for ever.
      pages++;
      await api.create({ content: `made meanwhile ${pages}` });
      await api.call('PUT', `/memories/${ids[pages]}`, { content: 'as it is' });
    }
    expect(pages).toBeGreaterThan(3);
    const old = found.filter(({ content }) => !content.startsWith('made'));
    expect(old.map(({ id }) => id).sort()).toEqual([...ids].sort());
    expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
  });

  it('[SEC-2] a bad record is named with its place, and the others go in', async () => {
    const api = await login();
    const { body } = await api.call<Report>(
      'POST',
      '/memories/import',
      [
        lines({ content: 'one' }, { content: '' }, { content: 'x', type: 'opinion' }, { content: 'a\0b' }),
        '{"content":"lone \\ud800"}',
        'no json',
        `{"content":"${'x'.repeat(1_100_000)}"}`,
        lines({ content: 'two', tags: ['ok', ''] }, { content: 'three', updatedAt: 'yesterday' }, { content: 'last' }, [1]),
      ].join('\n'),
      ndjson,
    );
    expect(body.imported).toBe(2);
    expect(body.failedCount).toBe(9);
    expect(body.failed.map(({ index, path }) => [index, path])).toEqual([
      [1, 'content'],
      [2, 'type'],
      [3, 'content'],
      [4, 'content'],
      [5, ''],
      [6, ''],
      [7, 'tags.1'],
      [8, 'updatedAt'],
      [10, ''],
    ]);
    expect(body.failed[0]?.place).toBe('line 2');
  });

  it('[house] the later of record and memory stands', async () => {
    const api = await login();
    const id = randomUUID();
    const record = { id, content: 'Tea', type: 'fact', scope: 'site', updatedAt: '2024-01-01T00:00:00.000Z' };
    await api.call('POST', '/memories/import', lines(record), ndjson);
    const newer = await api.call<Report>(
      'POST',
      '/memories/import',
      lines({ ...record, content: 'Coffee', updatedAt: '2024-01-02T00:00:00.000Z' }),
      ndjson,
    );
    expect(newer.body).toMatchObject({ imported: 0, updated: 1 });
    const older = await api.call<Report>('POST', '/memories/import', lines({ ...record, content: 'Milk' }), ndjson);
    expect(older.body.skippedBecause).toEqual({ older: 1 });
    expect((await api.get<{ content: string }>(`/memories/${id}`)).body.content).toBe('Coffee');
    await api.call('DELETE', `/memories/${id}`);
    const gone = await api.call<Report>('POST', '/memories/import', lines(record), ndjson);
    expect(gone.body.skippedBecause).toEqual({ deleted: 1 });
    await api.call('DELETE', `/memories/${id}?erase=true`);
    const erased = await api.call<Report>('POST', '/memories/import', lines(record), ndjson);
    expect(erased.body.failed[0]?.code).toBe('erased_memory');
  });

  it('[SEC-1] the id of another user is free', async () => {
    const [one, other] = [await login(), await login()];
    const { id } = await one.create();
    const { body } = await other.call<Report>('POST', '/memories/import', lines({ id, content: 'Mine' }), ndjson);
    expect(body).toMatchObject({ imported: 1, failed: [] });
    expect((await one.get<{ content: string }>(`/memories/${id}`)).body.content).toBe('Tea');
  });

  it('[house] leaves duplicates out when asked, wherever the wish stands', async () => {
    const api = await login();
    await api.create({ content: 'Likes  TEA' });
    const records = [{ content: 'likes tea' }, { content: 'new' }, { content: 'New ' }];
    const { body } = await api.call<Report>('POST', '/memories/import', { memories: records, deduplicate: true });
    expect(body).toMatchObject({ imported: 1, skipped: 2, skippedBecause: { duplicate: 2 } });
    const before = await api.call<Report>('POST', '/memories/import', { deduplicate: true, memories: records });
    expect(before.body).toMatchObject({ imported: 0, skipped: 3 });
  });

  it('[house] a file that ends too early is imported as far as it goes', async () => {
    const api = await login();
    const { body } = await api.call<Report>(
      'POST',
      '/memories/import',
      '{"memories":[{"content":"one"},{"content":"two"},{"cont',
    );
    expect(body).toMatchObject({ imported: 2, failedCount: 1 });
    expect(body.failed[0]).toMatchObject({ index: 2, code: 'invalid_json' });
  });

  it('[house] a file of no known format is refused', async () => {
    const api = await login();
    const { status, body } = await api.call('POST', '/memories/import', 'hello world', {
      'content-type': 'application/octet-stream',
    });
    expect([status, body.code, body.errors?.[0]?.path]).toEqual([400, 'invalid_request', 'format']);
    const picture = await api.call('POST', '/memories/import', 'x', { 'content-type': 'image/png' });
    expect(picture.status).toBe(415);
  });

  it('[house] a list in Markdown: a memory for each bullet, headings as type and tags', async () => {
    const api = await login();
    const text =
      '# About me\n\n## Preferences\n- Short answers\n- [x] Dark mode\n  on every device\n\n## Work\n1. Builds *bridges*\n';
    const { body } = await api.call<Report>('POST', '/memories/import', text, markdown);
    expect(body).toMatchObject({ imported: 3, failed: [] });
    const listed = (await api.call<MemoryList>('GET', '/memories')).body.memories;
    expect(
      listed.map(({ content, type, tags }) => ({ content, type, tags })).sort((a, b) => (a.content < b.content ? -1 : 1)),
    ).toEqual([
      { content: 'Builds *bridges*', type: 'fact', tags: ['work'] },
      { content: 'Dark mode\non every device', type: 'preference', tags: [] },
      { content: 'Short answers', type: 'preference', tags: [] },
    ]);
  });
});
