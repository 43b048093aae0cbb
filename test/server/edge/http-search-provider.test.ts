/** Search while the provider of vectors fails. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApi } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';
import { answerText, type EmbeddingServer, startEmbeddingServer } from '../../support/embedding-server.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

describeOnEachEngine('search with a provider', (open) => {
  let provider: EmbeddingServer;
  let server: TestServer;
  beforeAll(async () => {
    provider = await startEmbeddingServer();
    server = await startTestServer({ database: await open(), env: { OPENAI_BASE_URL: provider.url } });
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await provider?.[Symbol.asyncDispose]();
  });

  it('[house] hybrid goes on by words, and semantic says how long the provider asks to wait', async () => {
    const api = createApi(server.url, await server.register());
    await api.create({ content: 'Drinks jasmine tea' });
    provider.always(answerText(429, '{}', { 'retry-after': '77' }));
    const hybrid = await api.call<{ mode: string; results: readonly unknown[] }>('POST', '/memories/search', { query: 'tea' });
    expect(hybrid.body).toMatchObject({ mode: 'keyword', results: [{ memory: { content: 'Drinks jasmine tea' } }] });
    const semantic = await api.call('POST', '/memories/search', { query: 'tea', mode: 'semantic' });
    expect(semantic.status).toBe(503);
    expect(semantic.body).toMatchObject({ code: 'embedding_unavailable' });
    expect(semantic.headers.get('retry-after')).toBe('77');
  });
});
