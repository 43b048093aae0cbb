/** Search where a provider makes the vectors, through the whole server and real HTTP on both sides. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UserId } from '../../../src/core/ids.ts';
import { type Api, createApi } from '../../support/api.ts';
import {
  answerText,
  answerVectors,
  type EmbeddingServer,
  startEmbeddingServer,
  staySilent,
} from '../../support/embedding-server.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

interface Found {
  readonly code?: string;
  readonly mode: string;
  readonly results: readonly { readonly memory: { readonly content: string }; readonly matched: readonly string[] }[];
}

describe('search by a model', () => {
  let provider: EmbeddingServer;
  let server: TestServer;
  let api: Api;
  const find = (request: object) => api.call<Found>('POST', '/memories/search', request);

  beforeAll(async () => {
    provider = await startEmbeddingServer(4);
    server = await startTestServer({ env: { OPENAI_BASE_URL: provider.url, EMBEDDING_MODEL: 'small' } });
    api = createApi(server.url, await server.register());
    // The model sees what words do not show.
    provider.next(answerVectors([[1, 0, 0, 0]]));
    await api.create({ content: 'Owns a dachshund' });
    await server.deps.recall.idle(api.user.user.id as UserId);
    provider.next(answerVectors([[0, 1, 0, 0]]));
    await api.create({ content: 'Plays the cello' });
    await server.deps.recall.idle(api.user.user.id as UserId);
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await provider?.[Symbol.asyncDispose]();
  });

  it('[house] finds by meaning what shares no word with the question, and both arms in one answer', async () => {
    provider.next(answerVectors([[0.9, 0.1, 0, 0]]));
    const { body } = await find({ query: 'which pets', mode: 'semantic' });
    expect(body.results[0]).toMatchObject({ memory: { content: 'Owns a dachshund' }, matched: ['semantic'] });
    expect(provider.requests.at(-1)).toMatchObject({ model: 'small', input: ['which pets'] });
    provider.next(answerVectors([[0.9, 0.1, 0, 0]]));
    const both = (await find({ query: 'pets and cello' })).body;
    expect(both.mode).toBe('hybrid');
    expect(both.results.map(({ memory }) => memory.content).toSorted()).toEqual(['Owns a dachshund', 'Plays the cello']);
  });

  it('[house] with the provider away a hybrid search goes by words and says so; a semantic one is refused, to be tried again', async () => {
    provider.always(answerText(400, '{}'));
    const hybrid = await find({ query: 'cello' });
    expect(hybrid).toMatchObject({
      status: 200,
      body: { mode: 'keyword', results: [{ memory: { content: 'Plays the cello' } }] },
    });
    const semantic = await find({ query: 'cello', mode: 'semantic' });
    expect([semantic.status, semantic.body.code]).toEqual([503, 'embedding_unavailable']);
    const { status } = await api.call('POST', '/memories', { content: 'written meanwhile', type: 'fact', scope: 'site' });
    expect(status).toBe(201);
    expect((await find({ query: 'meanwhile' })).body.results[0]?.memory.content).toBe('written meanwhile');
    provider.always(null);
  });

  it('[SYN-10] a provider that never answers holds nobody up: the words answer in its place', async () => {
    provider.always(staySilent);
    expect((await find({ query: 'cello' })).body).toMatchObject({
      mode: 'keyword',
      results: [{ memory: { content: 'Plays the cello' } }],
    });
    provider.always(null);
  });
});
