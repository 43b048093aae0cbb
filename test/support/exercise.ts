/** One user's day: every main route and a socket, with words that would be recognised wherever they turned up. */
import { randomUUID } from 'node:crypto';
import { createApi } from './api.ts';
import { creation, newMemoryId } from './append.ts';
import { TestDevice } from './device.ts';
import { letterVector } from './embedding-server.ts';
import { send } from './http.ts';
import { type OpenAiServer, startOpenAiServer } from './openai-server.ts';
import { type TestServer, testPassword } from './server.ts';

export interface Exercise {
  /** What nobody but the user and the database may see: content, e-mail, passwords, tokens. */
  readonly secrets: readonly string[];
}

const vendorKey = 'sk-the-key-of-the-test';
const words = {
  created: 'Zanzibar is where the cloves come from',
  changed: 'Xanthippe waits in the marjoram garden',
  pushed: 'Quokkas sleep under the jacaranda',
  overSocket: 'Wombats dig below the eucalyptus',
  said: 'I keep my bicycle in Vladivostok',
  imported: 'Narwhals pass by Ittoqqortoormiit',
  asked: 'who keeps a bicycle in Vladivostok',
  broken: 'a half of a Yggdrasil',
} as const;

/** A vendor for it, and the settings that name it. */
export async function startExerciseVendor(): Promise<{
  readonly vendor: OpenAiServer;
  readonly env: Readonly<Record<string, string>>;
}> {
  const vendor = await startOpenAiServer();
  vendor.onEmbedding = (text) => letterVector(text, 8);
  vendor.onChat = ({ response_format: format }) =>
    format?.json_schema?.name === 'memories'
      ? {
          says: {
            memories: [{ content: words.said, type: 'fact', scope: 'user_global', confidence: 0.9, tags: [], messages: [0] }],
          },
          usage: { prompt_tokens: 11, completion_tokens: 7 },
        }
      : { says: { decisions: [] } };
  return { vendor, env: { OPENAI_API_KEY: vendorKey, OPENAI_BASE_URL: vendor.url } };
}

export async function exercise(server: TestServer): Promise<Exercise> {
  const email = `recognisable-${randomUUID()}@example.org`;
  const user = await server.register(email);
  const api = createApi(server.url, user);
  const { token } = user;
  await send('POST', `${server.url}/api/v1/auth/login`, { body: { email, password: 'a wrong long passphrase' } });
  const memory = await api.create({ content: words.created, tags: ['spices'] });
  await api.get(`/memories/${memory.id}`);
  await api.call('PUT', `/memories/${memory.id}`, { content: words.changed });
  await api.call('POST', '/memories', `{"content":"${words.broken}`);
  await api.get('/memories/nothing-of-the-kind');
  await send('GET', `${server.url}/nowhere?token=${token}`);
  await pushTwice(server, token, memory.id);
  await pushOverSocket(server, token);
  await server.deps.recall.idle();
  for (const mode of ['hybrid', 'semantic', 'keyword']) await api.call('POST', '/memories/search', { query: words.asked, mode });
  const messages = [{ role: 'user', content: words.said }];
  await api.call('POST', '/memories/ingest', { messages });
  const records = [{ content: words.imported, type: 'fact', scope: 'user_global' }];
  await api.call('POST', '/memories/import', { memories: records });
  for (const path of ['/memories/export?format=markdown', '/memories', `/memories/${memory.id}/history`, '/audit', '/conflicts'])
    await api.get(path);
  await server.deps.recall.idle();
  const secrets = [...Object.values(words), email, testPassword, 'a wrong long passphrase', token, user.refreshToken, vendorKey];
  return { secrets };
}

/** Two devices write the same register without having seen each other: the one whose clock is behind loses. */
async function pushTwice(server: TestServer, token: string, memoryId: string): Promise<void> {
  for (const [index, value] of [words.pushed, `${words.pushed} too`].entries()) {
    const ops = [{ memoryId, hlc: `${Date.now() - index * 60_000}-0`, patch: [{ op: 'replace', path: '/content', value }] }];
    const body = { device: randomUUID(), firstCounter: 1, base: 1, ops };
    await send('POST', `${server.url}/api/v1/memories/sync/push`, { token, body });
  }
}

async function pushOverSocket(server: TestServer, token: string): Promise<void> {
  const device = await new TestDevice({ url: server.url, token }).connect();
  await device.untilCaughtUp();
  device.write(newMemoryId(), creation(words.overSocket));
  await device.untilCaughtUp();
  device.socket?.close(1000);
  await device.until(() => device.closeCode !== null, 'the end of the socket');
}
