/** Search through the real door, on each engine. */
import { expect, it } from 'vitest';
import type { UserId } from '../../../src/core/ids.ts';
import type { MemoryJson } from '../../../src/server/edge/memory-json.ts';
import { type Api, useServer } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

interface Found {
  readonly results: readonly {
    readonly memory: MemoryJson;
    readonly score: number;
    readonly similarity?: number;
    readonly matched: readonly string[];
    readonly explanation?: {
      readonly keyword?: {
        readonly terms: Readonly<Record<string, number>>;
        readonly neighbours: number;
        readonly share: number;
      };
      readonly semantic?: { readonly similarity: number; readonly share: number };
    };
  }[];
  readonly mode: string;
  readonly tookMs: number;
}

describeOnEachEngine('search', (open) => {
  const fixture = useServer(open);
  const find = async (api: Api, request: object): Promise<Found> => {
    const { status, body } = await api.call<Found>('POST', '/memories/search', request);
    expect(status, JSON.stringify(body)).toBe(200);
    return body;
  };
  const contentsOf = ({ results }: Found): readonly string[] => results.map(({ memory }) => memory.content);
  const settled = (api: Api): Promise<void> => fixture.server.deps.recall.idle(api.user.user.id as UserId);

  it('[LOG-7] what was just written is found by its words, before any projection has seen it', async () => {
    const api = await fixture.login();
    await api.create({ content: 'Prefers jasmine tea in the evening' });
    expect(contentsOf(await find(api, { query: 'evening teas', mode: 'keyword' }))).toEqual([
      'Prefers jasmine tea in the evening',
    ]);
  });

  it.each([
    ['English, in another form', 'preferring dark roasts', 'Prefers dark roasted coffee'],
    ['Chinese', '绿茶', '我喜欢喝绿茶'],
    ['German', 'Straßenbahn', 'Fährt jeden Morgen mit der Straßenbahn'],
    ['Russian', 'зелёный', 'Мой любимый цвет зелёный'],
    ['Korean', '좋아해요', '저는 김치를 좋아해요'],
  ])('[house] a memory is found by its own words: %s', async (_, query, content) => {
    const api = await fixture.login();
    for (const text of [
      'Prefers dark roasted coffee',
      '我喜欢喝绿茶',
      'Fährt jeden Morgen mit der Straßenbahn',
      'Мой любимый цвет зелёный',
      '저는 김치를 좋아해요',
    ])
      await api.create({ content: text });
    await settled(api);
    for (const mode of ['keyword', 'hybrid', 'semantic'])
      expect(contentsOf(await find(api, { query, mode }))[0], mode).toBe(content);
  });

  it('[LOG-7] edits, deletes and restores are found as they stand, before and after the projection', async () => {
    const api = await fixture.login();
    const { id } = await api.create({ content: 'Lives in Lisbon' });
    await settled(api);
    for (const isSettled of [false, true]) {
      await api.call('PUT', `/memories/${id}`, { content: 'Lives in Porto' });
      if (isSettled) await settled(api);
      expect(contentsOf(await find(api, { query: 'Lisbon', mode: 'keyword' }))).toEqual([]);
      expect(contentsOf(await find(api, { query: 'Porto', mode: 'keyword' }))).toEqual(['Lives in Porto']);
      await api.call('DELETE', `/memories/${id}`);
      if (isSettled) await settled(api);
      for (const mode of ['keyword', 'semantic', 'hybrid'])
        expect(contentsOf(await find(api, { query: 'Porto lives', mode }))).toEqual([]);
      await api.call('POST', `/memories/${id}/restore`, { seq: 1 });
      if (isSettled) await settled(api);
      expect(contentsOf(await find(api, { query: 'Lisbon', mode: 'keyword' }))).toEqual(['Lives in Lisbon']);
    }
  });

  it('[LOG-3] of an erased memory neither a word nor a vector is left, at once', async () => {
    const api = await fixture.login();
    const { id } = await api.create({ content: 'Allergic to hazelnuts' });
    await api.create({ content: 'Allergic to cats' });
    await settled(api);
    await api.call('DELETE', `/memories/${id}?erase=true`);
    const { db } = fixture.server.deps;
    const user = api.user.user.id;
    const texts = await db.query<{ text: string }>('select t::text as text from memory_texts t where user_id = $1::uuid', [user]);
    const terms = await db.query<{ term: string; memories: number }>(
      'select term, memories from text_terms where user_id = $1::uuid order by 1',
      [user],
    );
    const vectors = await db.query('select memory_id from memory_vectors where user_id = $1::uuid and memory_id = $2::uuid', [
      user,
      id,
    ]);
    expect(texts.map(({ text }) => text).join()).not.toContain('hazelnut');
    expect(terms).toEqual([
      { term: 'allerg', memories: 1 },
      { term: 'cat', memories: 1 },
    ]);
    expect(vectors).toEqual([]);
  });

  it('[house] rare words say more than common ones, and explain tells what brought the score', async () => {
    const api = await fixture.login();
    for (let n = 0; n < 8; n++) await api.create({ content: `Meeting ${n} about the project plan` });
    await api.create({ content: 'The project needs a falcon' });
    await settled(api);
    const found = await find(api, { query: 'project falcon', explain: true });
    const [first] = found.results;
    expect(first?.memory.content).toBe('The project needs a falcon');
    expect(first?.matched.toSorted()).toEqual(['keyword', 'semantic']);
    const { keyword, semantic } = first?.explanation ?? {};
    expect(keyword?.terms['falcon']).toBeGreaterThan(3 * (keyword?.terms['project'] ?? 0));
    expect((keyword?.share ?? 0) + (semantic?.share ?? 0)).toBeCloseTo(first?.score ?? 0);
    expect(semantic?.similarity).toBeCloseTo(first?.similarity ?? 0);
    expect((await find(api, { query: 'project falcon' })).results[0]).not.toHaveProperty('explanation');
  });

  it('[house] what stands next to a good answer in its conversation gains by it', async () => {
    const api = await fixture.login();
    const say = (content: string, second: number, conversationId = 'c') =>
      api.create({ content, source: { conversationId, timestamp: `2025-01-01T00:00:0${second}Z` } });
    await say('Where did you spend your vacation in August?', 1);
    await say('By the sea, with my sister', 2);
    await say('By the lake, with my brother', 3, 'another');
    await settled(api);
    const contents = contentsOf(await find(api, { query: 'vacation August', mode: 'keyword' }));
    expect(contents).toEqual(['Where did you spend your vacation in August?', 'By the sea, with my sister']);
  });

  it('[house] every filter holds in every mode, alone and together, and a limit is kept', async () => {
    const api = await fixture.login();
    const wanted = await api.create({
      content: 'Green tea from the market',
      type: 'preference',
      scope: 'site',
      tags: ['drink', 'hot'],
      confidence: 0.9,
      source: { platform: 'claude', conversationId: 'k' },
    });
    await api.create({ content: 'Green tea from the shop', type: 'fact', tags: ['drink'], confidence: 0.2 });
    for (const isSettled of [false, true]) {
      if (isSettled) await settled(api);
      const filters = [
        { type: 'preference' },
        { type: ['preference', 'task'] },
        { scope: 'site' },
        { tags: ['hot', 'drink'] },
        { tags: 'hot' },
        { platform: 'claude' },
        { conversationId: 'k' },
        { minConfidence: 0.5 },
        { type: 'preference', scope: ['site'], tags: ['drink'], platform: 'claude', minConfidence: 0.5, from: '2020-01-01' },
      ];
      for (const mode of isSettled ? ['keyword', 'semantic', 'hybrid'] : ['keyword', 'hybrid']) {
        for (const filter of filters) {
          const { results } = await find(api, { query: 'green tea', mode, filter });
          expect(
            results.map(({ memory }) => memory.id),
            JSON.stringify({ mode, filter }),
          ).toEqual([wanted.id]);
        }
        expect(contentsOf(await find(api, { query: 'green tea', mode, filter: { to: '2020-01-01' } }))).toEqual([]);
        expect((await find(api, { query: 'green tea', mode, limit: 1 })).results).toHaveLength(1);
      }
    }
  });

  it('[house] a vector that a client brought is found by a vector of the same model', async () => {
    const api = await fixture.login();
    const at = (place: number): number[] => Array.from({ length: 8 }, (_, index) => (index === place ? 1 : 0.01));
    const near = await api.create({ content: 'near', embedding: at(1), embeddingModel: 'mine' });
    await api.create({ content: 'far', embedding: at(5), embeddingModel: 'mine' });
    await api.create({ content: 'of another model', embedding: at(1), embeddingModel: 'other' });
    const { results, mode } = await find(api, { embedding: at(1), embeddingModel: 'mine' });
    expect(mode).toBe('semantic');
    expect(results.map(({ memory }) => memory.content)).toEqual(['near', 'far']);
    expect(results[0]?.memory.id).toBe(near.id);
    expect(results[0]?.similarity).toBeCloseTo(1, 2);
  });

  it('[SEC-2] wrong requests name the field', async () => {
    const api = await fixture.login();
    const pathOf = async (request: unknown): Promise<unknown> => {
      const { status, body } = await api.call<{ code: string; errors: { path: string }[] }>('POST', '/memories/search', request);
      expect(status).toBe(400);
      expect(body.code).toBe('invalid_request');
      return body.errors.map(({ path }) => path);
    };
    expect(await pathOf({})).toEqual(['query']);
    expect(await pathOf({ query: '  ' })).toEqual(['query']);
    expect(await pathOf({ query: 'x'.repeat(4_001) })).toEqual(['query']);
    expect(await pathOf({ embedding: [1], mode: 'keyword' })).toEqual(['query']);
    expect(await pathOf({ embedding: [] })).toEqual(['embedding']);
    expect(await pathOf({ embedding: [0, 0] })).toEqual(['embedding']);
    expect(await pathOf({ embedding: Array(1_537).fill(1) })).toEqual(['embedding']);
    expect(await pathOf({ query: 'x', limit: 101 })).toEqual(['limit']);
    expect(await pathOf({ query: 'x', mode: 'fuzzy' })).toEqual(['mode']);
    expect(await pathOf({ query: 'x', filter: { type: 'nothing' } })).toEqual(['filter.type']);
    expect(await pathOf({ query: 'x', filter: { owner: 'me' } })).toEqual(['filter.owner']);
  });

  it('[LOG-7] no word stops the words of the others: possessives of words without spaces, characters at the bound of a term', async () => {
    const api = await fixture.login();
    const contents = [
      "東京's best ramen",
      `${'x'.repeat(63)}\u{10000} first ${'x'.repeat(63)}\u{10428}`,
      `${'a'.repeat(9_980)} of one word`,
      '漢字仮名交'.repeat(2_000),
      '\ufdfa'.repeat(10_000),
      Array.from({ length: 10_000 }, (_, at) => String.fromCodePoint(0x20000 + at)).join(''),
      'the last one',
    ];
    for (const content of contents) await api.create({ content });
    await settled(api);
    const [head] = await fixture.server.deps.db.query(
      'select r.text_seq = h.seq as is_done, r.text_count from recall_heads r join user_heads h on h.user_id = r.user_id where r.user_id = $1::uuid',
      [api.user.user.id],
    );
    expect(head).toEqual({ is_done: true, text_count: contents.length });
    expect(contentsOf(await find(api, { query: "東京's", mode: 'keyword' }))).toEqual([contents[0]]);
  });

  it('[SEC-2] a filter or the name of a model that nothing can have is a wrong request', async () => {
    const api = await fixture.login();
    await api.create({ content: 'tea', embedding: [1], embeddingModel: 'mine' });
    for (const bad of ['\u0000', '\ud800']) {
      for (const request of [
        { query: 'tea', filter: { platform: bad } },
        { query: 'tea', filter: { conversationId: bad } },
        { embedding: [1], embeddingModel: bad },
      ])
        expect((await api.call('POST', '/memories/search', request)).status, JSON.stringify(request)).toBe(400);
    }
    for (const path of ['platform', 'conversationId'])
      expect((await api.call('GET', `/memories?${path}=%00`)).status, path).toBe(400);
  });

  it('[SEC-2] questions of quotes, operators, NUL and lone surrogates break nothing', async () => {
    const api = await fixture.login();
    await api.create({ content: `It's a "test" of & | ! ( ) : * \\ 'quotes' <-> constructor __proto__` });
    await settled(api);
    for (const query of [
      `'`,
      `it's & | ! (`,
      '\\',
      `a'b\\'c`,
      '\u0000 test',
      '\ud800 test',
      '<-> :* test',
      'constructor __proto__',
      "test'); drop table memories; --",
    ]) {
      const { status } = await api.call('POST', '/memories/search', { query, explain: true });
      expect([200, 400], query).toContain(status);
    }
    expect(contentsOf(await find(api, { query: 'quotes constructor' }))).toHaveLength(1);
  });
});
