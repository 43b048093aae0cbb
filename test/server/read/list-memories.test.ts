/** GET /memories: filters, orders, keyset paging. */
import { expect, it } from 'vitest';
import type { MemoryJson } from '../../../src/server/edge/memory-json.ts';
import { type Api, type MemoryList, useServer } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

const list = async (api: Api, query: string): Promise<readonly MemoryJson[]> => {
  const { status, body } = await api.get<MemoryList>(`/memories?${query}`);
  if (status !== 200) throw new Error(JSON.stringify(body));
  return body.memories;
};

const contents = async (api: Api, query: string): Promise<string[]> =>
  (await list(api, query)).map((memory) => memory.content).sort();

async function walk(
  api: Api,
  query: string,
  between: (page: number) => Promise<unknown> = async () => undefined,
): Promise<MemoryJson[]> {
  const found: MemoryJson[] = [];
  let cursor: string | null = '';
  for (let page = 0; cursor !== null; page++) {
    const answer: { body: MemoryList } = await api.get<MemoryList>(
      `/memories?${query}${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    found.push(...answer.body.memories);
    cursor = answer.body.nextCursor;
    await between(page);
  }
  return found;
}

describeOnEachEngine('GET /memories', (open) => {
  const { login, server } = lazily(useServer(open));

  it('filters by every field', async () => {
    const api = await login();
    await api.create({ content: 'a', tags: ['ui', 'dark'], confidence: 0.9, source: { platform: 'web', conversationId: 'c1' } });
    await api.create({ content: 'b', type: 'task', scope: 'site', tags: ['ui', 'x,y'], confidence: 0.2 });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const between = encodeURIComponent(new Date().toISOString());
    await new Promise((resolve) => setTimeout(resolve, 5));
    const { id } = await api.create({ content: 'c', type: 'project', source: { platform: 'mail', conversationId: 'c2' } });
    const gone = await api.create({ content: 'd' });
    await api.call('DELETE', `/memories/${gone.id}`);
    const erased = await api.create({ content: 'e' });
    await api.call('DELETE', `/memories/${erased.id}?erase=true`);
    const expected: readonly (readonly [string, readonly string[]])[] = [
      ['', ['a', 'b', 'c']],
      ['type=task', ['b']],
      ['type=task&type=fact', ['a', 'b']],
      ['type=task,project', ['b', 'c']],
      ['scope=site', ['b']],
      ['scope=site,user_global', ['a', 'b', 'c']],
      ['tags=ui', ['a', 'b']],
      ['tags=ui&tags=dark', ['a']],
      ['tags=ui,dark', ['a']],
      ['tags=x%5C,y', ['b']],
      ['platform=web', ['a']],
      ['conversationId=c2', ['c']],
      [`from=${between}`, ['c']],
      [`to=${between}`, ['a', 'b']],
      [`updatedFrom=${between}`, ['c']],
      ['minConfidence=0.2', ['a', 'b']],
      ['minConfidence=0.5&tags=ui', ['a']],
      ['deleted=true', ['d']],
      ['deleted=false&type=fact', ['a']],
      ['tags=unknown', []],
    ];
    for (const [query, found] of expected) expect(await contents(api, query), query).toEqual(found);
    await api.get(`/memories/${id}`);
    await server().deps.accesses.flush();
    expect((await list(api, 'order=accessed'))[0]?.content).toBe('c');
  });

  it('refuses wrong filters by name', async () => {
    const api = await login();
    for (const query of [
      'type=other',
      'limit=0',
      'limit=201',
      'limit=x',
      'from=yesterday',
      'minConfidence=NaN',
      'minConfidence=1e400',
      'order=x',
      'unknown=1',
      'deleted=1',
      'cursor=x',
    ]) {
      const { status, body } = await api.get(`/memories?${query}`);
      expect([status, body.code], query).toEqual([400, 'invalid_request']);
      expect(body.errors?.[0]?.path, query).toMatch(new RegExp(`^${query.split('=')[0]}`));
    }
  });

  it('pages by every order, newest first, each memory once', async () => {
    const api = await login();
    const ids: string[] = [];
    for (let n = 0; n < 23; n++) ids.push((await api.create({ content: `${n}` })).id);
    await api.call('PUT', `/memories/${ids[3]}`, { content: 'changed' });
    for (const order of ['created', 'updated', 'accessed']) {
      const found = await walk(api, `order=${order}&limit=5`);
      expect(found.map((memory) => memory.id).sort(), order).toEqual([...ids].sort());
    }
    expect((await walk(api, 'limit=7')).map((memory) => memory.createdAt)).toEqual(
      (await list(api, 'limit=200')).map((memory) => memory.createdAt),
    );
    expect((await list(api, 'order=updated'))[0]?.content).toBe('changed');
    const { body } = await api.get<MemoryList>('/memories?order=updated&limit=5');
    expect((await api.get(`/memories?order=created&cursor=${body.nextCursor}`)).status).toBe(400);
  });

  it('pages without gaps or doubles while memories are written', async () => {
    const api = await login();
    const ids: string[] = [];
    for (let n = 0; n < 30; n++) ids.push((await api.create({ content: `${n}` })).id);
    const found = await walk(api, 'limit=4', async (page) => {
      await api.create({ content: `new ${page}` });
      await api.call('PUT', `/memories/${ids[page]}`, { content: `changed ${page}` });
    });
    const seen = found.map((memory) => memory.id);
    expect(new Set(seen).size).toBe(seen.length);
    expect(ids.filter((id) => !seen.includes(id))).toEqual([]);
  });
});

/** The server is there once the tests run. */
function lazily(fixture: ReturnType<typeof useServer>) {
  return { login: fixture.login, server: () => fixture.server };
}
