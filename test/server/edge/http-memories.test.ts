/** /memories over HTTP. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { MemoryJson } from '../../../src/server/edge/memory-json.ts';
import { type EventList, type Updates, useServer } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

const patchType = { 'content-type': 'application/json-patch+json' };

describeOnEachEngine('/memories', (open) => {
  const { login } = useServer(open);

  it('creates a memory with what was given, and the rest empty', async () => {
    const api = await login();
    const { status, body, headers } = await api.call<MemoryJson>('POST', '/memories', {
      content: 'Tea',
      type: 'fact',
      scope: 'site',
      tags: ['ui', 'a', 'ui'],
    });
    expect(status).toBe(201);
    expect(headers.get('etag')).toBe(`"${body.seq}"`);
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      content: 'Tea',
      type: 'fact',
      scope: 'site',
      confidence: null,
      tags: ['a', 'ui'],
      source: null,
      createdAt: expect.stringMatching(/Z$/),
      updatedAt: expect.any(String),
      accessCount: 0,
      seq: 1,
      embedded: false,
    });
  });

  it('[LOG-2] the same id and body again is the same memory, another body is refused', async () => {
    const api = await login();
    const id = randomUUID();
    const source = { url: 'https://example.org', platform: 'chat' };
    const body = { id, content: 'Tea', type: 'fact', scope: 'user_global', tags: ['b', 'a'], confidence: 0.5, source };
    const first = await api.call<MemoryJson>('POST', '/memories', body);
    const again = await api.call<MemoryJson>('POST', '/memories', body);
    expect([first.status, again.status]).toEqual([201, 200]);
    // Its vector may be there meanwhile.
    expect(again.body).toEqual({ ...first.body, embedded: expect.any(Boolean) });
    const other = await api.call('POST', '/memories', { ...body, content: 'Coffee' });
    expect([other.status, other.body.code]).toEqual([409, 'memory_exists']);
    expect(await api.head()).toBe(1);
  });

  it('creates at once from several requests one memory of one id', async () => {
    const api = await login();
    const body = { id: randomUUID(), content: 'Tea', type: 'fact', scope: 'user_global' };
    const answers = await Promise.all(Array.from({ length: 8 }, () => api.call('POST', '/memories', body)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 200, 200, 200, 200, 200, 200, 201]);
    expect(await api.head()).toBe(1);
  });

  it('updates any subset of the fields; null clears', async () => {
    const api = await login();
    const { id } = await api.create({ tags: ['a', 'b'], confidence: 0.5, source: { title: 'A chat' } });
    const { body, headers } = await api.call<MemoryJson>('PUT', `/memories/${id}`, {
      content: 'Coffee',
      tags: ['b', 'c'],
      source: null,
    });
    expect(body).toMatchObject({ content: 'Coffee', type: 'fact', tags: ['b', 'c'], confidence: 0.5, source: null, seq: 2 });
    expect(headers.get('etag')).toBe('"2"');
    const cleared = await api.call<MemoryJson>('PUT', `/memories/${id}`, { tags: null, confidence: null });
    expect(cleared.body).toMatchObject({ tags: [], confidence: null, seq: 3 });
    const same = await api.call<MemoryJson>('PUT', `/memories/${id}`, { content: 'Coffee' });
    expect([same.status, same.body.seq, await api.head()]).toEqual([200, 3, 3]);
    const emptied = await api.call('PUT', `/memories/${id}`, { content: null });
    expect([emptied.status, emptied.body.errors?.[0]?.path]).toEqual([400, 'content']);
  });

  it('patches by RFC 6902, whole or not at all', async () => {
    const api = await login();
    const { id } = await api.create({ tags: ['a/b'], source: { title: 'A chat' } });
    const patch = (operations: unknown) => api.call<MemoryJson>('PATCH', `/memories/${id}`, operations, patchType);
    const { status, body } = await patch([
      { op: 'test', path: '/content', value: 'Tea' },
      { op: 'replace', path: '/content', value: 'Coffee' },
      { op: 'add', path: '/tags/new', value: true },
      { op: 'remove', path: '/tags/a~1b' },
      { op: 'add', path: '/source/platform', value: 'web' },
      { op: 'copy', from: '/content', path: '/source/title' },
      { op: 'add', path: '/confidence', value: 1 },
    ]);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      content: 'Coffee',
      tags: ['new'],
      confidence: 1,
      source: { title: 'Coffee', platform: 'web' },
      seq: 2,
    });
    const failed = await api.call(
      'PATCH',
      `/memories/${id}`,
      [
        { op: 'replace', path: '/content', value: 'Milk' },
        { op: 'test', path: '/content', value: 'Tea' },
      ],
      patchType,
    );
    expect([failed.status, failed.body.code]).toEqual([422, 'patch_failed']);
    expect((await patch([{ op: 'test', path: '/content', value: 'Coffee' }])).body.seq).toBe(2);
    expect(await api.head()).toBe(2);
  });

  it('refuses patches of other places, and of content that grows', async () => {
    const api = await login();
    const { id } = await api.create();
    const patches = [
      [{ op: 'add', path: '/deleted', value: true }],
      [{ op: 'add', path: '/seq', value: 5 }],
      [{ op: 'replace', path: '', value: {} }],
      [{ op: 'add', path: '/__proto__/polluted', value: true }],
      [{ op: 'add', path: '/tags/__proto__', value: true }],
      [{ op: 'add', path: '/tags/constructor', value: true }],
      [{ op: 'copy', from: '/tags', path: '/tags/a' }],
      [{ op: 'add', path: '/source/title', value: { nested: [] } }],
      [{ op: 'add', path: '/tags/~2', value: true }],
      [{ op: 'explode', path: '/content' }],
      { op: 'add', path: '/content', value: 'x' },
    ];
    for (const patch of patches) {
      const { status, body } = await api.call('PATCH', `/memories/${id}`, patch, patchType);
      expect([status, body.code], JSON.stringify(patch)).toEqual([400, 'invalid_request']);
    }
    const values = [
      [{ op: 'add', path: '/tags/a', value: 'yes' }],
      [{ op: 'add', path: '/confidence', value: 2 }],
      [{ op: 'remove', path: '/content' }],
      [{ op: 'add', path: '/source/other', value: 'x' }],
      [{ op: 'replace', path: '/tags', value: 5 }],
    ];
    for (const patch of values) {
      const { status } = await api.call('PATCH', `/memories/${id}`, patch, patchType);
      expect([400, 422], JSON.stringify(patch)).toContain(status);
    }
    const many = Array.from({ length: 65 }, (_, index) => ({ op: 'add', path: `/tags/t${index}`, value: true }));
    expect((await api.call('PATCH', `/memories/${id}`, many, patchType)).body.code).toBe('too_many_tags');
    expect((await api.call('PATCH', `/memories/${id}`, [], { 'content-type': 'application/json' })).status).toBe(415);
    expect(await api.head()).toBe(1);
  });

  it('honours If-Match on PUT, PATCH and DELETE', async () => {
    const api = await login();
    const { id } = await api.create();
    const put = (ifMatch: string) => api.call('PUT', `/memories/${id}`, { content: ifMatch }, { 'if-match': ifMatch });
    expect((await put('"1"')).status).toBe(200);
    expect((await put('W/"2"')).status).toBe(200);
    expect((await put('*')).status).toBe(200);
    expect((await put('"9", "4"')).status).toBe(200);
    const changed = await put('"4"');
    expect([changed.status, changed.body.code]).toEqual([412, 'changed_meanwhile']);
    expect((await put('"other"')).status).toBe(412);
    for (const malformed of ['5', '"5', 'x"5"', '"5",,', '']) {
      expect((await put(malformed)).status, malformed).toBe(400);
    }
    const patch = await api.call('PATCH', `/memories/${id}`, [], { ...patchType, 'if-match': '"1"' });
    const gone = await api.call('DELETE', `/memories/${id}`, undefined, { 'if-match': '"1"' });
    expect([patch.status, gone.status]).toEqual([412, 412]);
    expect((await api.call('DELETE', `/memories/${id}`, undefined, { 'if-match': '"5"' })).status).toBe(204);
  });

  it('[MRG-5] deletes once, hides what is deleted, and restores it', async () => {
    const api = await login();
    const { id } = await api.create({ tags: ['a'], confidence: 0.5 });
    await api.call('PUT', `/memories/${id}`, { content: 'Coffee', tags: ['b'], confidence: null });
    expect((await api.call('DELETE', `/memories/${id}`)).status).toBe(204);
    expect((await api.call('DELETE', `/memories/${id}`)).status).toBe(204);
    expect(await api.head()).toBe(3);
    expect((await api.get(`/memories/${id}`)).body.code).toBe('unknown_memory');
    expect((await api.get<MemoryJson>(`/memories/${id}?deleted=true`)).body).toMatchObject({ content: 'Coffee', deleted: true });
    expect((await api.call('PUT', `/memories/${id}`, { content: 'x' })).status).toBe(404);
    expect((await api.call('PATCH', `/memories/${id}`, [{ op: 'add', path: '/content', value: 'x' }], patchType)).status).toBe(
      404,
    );
    const restored = await api.call<MemoryJson>('POST', `/memories/${id}/restore`, { seq: 1 });
    expect(restored.body).toMatchObject({ content: 'Tea', tags: ['a'], confidence: 0.5, seq: 4 });
    expect(restored.body.deleted).toBeUndefined();
    expect((await api.call<MemoryJson>('POST', `/memories/${id}/restore`, { seq: 1 })).body.seq).toBe(4);
    expect((await api.call<MemoryJson>('POST', `/memories/${id}/restore`, { seq: 3 })).body).toMatchObject({
      content: 'Coffee',
      tags: ['b'],
    });
    expect((await api.call('POST', `/memories/${id}/restore`, { seq: 99 })).body.code).toBe('unknown_seq');
    const later = await api.create();
    expect((await api.call('POST', `/memories/${later.id}/restore`, { seq: 1 })).body.code).toBe('unknown_seq');
    expect((await api.call('DELETE', `/memories/${randomUUID()}`)).status).toBe(404);
  });

  it('shows a memory as it was at a seq or a time', async () => {
    const api = await login();
    const { id } = await api.create({ tags: ['a'], source: { title: 'A chat' } });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const between = new Date().toISOString();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await api.call('PUT', `/memories/${id}`, { content: 'Coffee', tags: [], source: null });
    await api.call('DELETE', `/memories/${id}`);
    const at = (moment: string | number) => api.get<MemoryJson>(`/memories/${id}?at=${encodeURIComponent(moment)}`);
    expect((await at(1)).body).toMatchObject({ content: 'Tea', tags: ['a'], source: { title: 'A chat' }, seq: 1 });
    expect((await at(between)).body).toMatchObject({ content: 'Tea', seq: 1 });
    expect((await at(2)).body).toMatchObject({ content: 'Coffee', tags: [], source: null, seq: 2 });
    expect((await at(3)).body).toMatchObject({ content: 'Coffee', deleted: true, seq: 3 });
    expect([(await at(0)).status, (await at(4)).status, (await at('2001-01-01')).status]).toEqual([404, 404, 404]);
    expect((await at('yesterday')).status).toBe(400);
  });

  it('[LOG-7] counts accesses beside the log', async () => {
    const api = await login();
    const { id } = await api.create();
    for (let n = 0; n < 3; n++) await api.get(`/memories/${id}`);
    expect((await api.get<MemoryJson>(`/memories/${id}`)).body.accessCount).toBe(4);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await api.get<MemoryJson>(`/memories/${id}`)).body).toMatchObject({ accessCount: 5, seq: 1 });
    expect((await api.call<MemoryJson>('PUT', `/memories/${id}`, { content: 'x' })).body.accessCount).toBe(5);
  });

  it('tells the history: who, when, from which device, and what it was before', async () => {
    const api = await login();
    const { id } = await api.create({ tags: ['a'] });
    await api.create();
    await api.call('PUT', `/memories/${id}`, { content: 'Coffee' });
    await api.call('DELETE', `/memories/${id}`);
    const { body } = await api.get<EventList>(`/memories/${id}/history?limit=2`);
    expect(body.events.map(({ seq, kind }) => [seq, kind])).toEqual([
      [4, 'delete'],
      [3, 'update'],
    ]);
    expect(body.events[1]).toMatchObject({
      device: api.user.device,
      replica: { id: '00000000-0000-0000-0000-000000000000' },
      vectorClock: { '00000000-0000-0000-0000-000000000000': 3 },
      base: 2,
      outcome: 'applied',
      patch: [{ op: 'add', path: '/content', value: 'Coffee' }],
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const rest = await api.get<EventList>(`/memories/${id}/history?limit=2&cursor=${body.nextCursor}`);
    expect(rest.body.events.map(({ seq, kind }) => [seq, kind])).toEqual([[1, 'create']]);
    expect(rest.body.nextCursor).toBeNull();
    expect((await api.get(`/memories/${randomUUID()}/history`)).status).toBe(404);
    expect((await api.get(`/memories/${id}/history?cursor=rubbish`)).status).toBe(400);
  });

  it('answers writes with what a following read sees', async () => {
    const api = await login();
    const { id } = await api.create();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => api.call<MemoryJson>('PUT', `/memories/${id}`, { content: `v${n}` })),
    );
    const newest = answers.map((answer) => answer.body).sort((a, b) => b.seq - a.seq)[0];
    expect((await api.get<MemoryJson>(`/memories/${id}`)).body.content).toBe(newest?.content);
    expect((await api.get<Updates>('/memories/sync/updates')).body.changes[0]?.memory?.content).toBe(newest?.content);
  });
});
