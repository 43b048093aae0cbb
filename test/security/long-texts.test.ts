/** Text that makes regular expressions work as much as they can, through the door: answered, and others are answered meanwhile. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createApi } from '../support/api.ts';
import { send } from '../support/http.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const chars = 10_000;
const texts: Readonly<Record<string, string>> = {
  spaces: `a${' '.repeat(chars - 2)}b`,
  'line ends': `a${'\n'.repeat(chars - 2)}b`,
  'opening brackets': '['.repeat(chars),
  links: '[a]('.repeat(chars / 4),
  digits: '1'.repeat(chars),
  dates: '1-1-'.repeat(chars / 4),
  quotes: '"'.repeat(chars - 1),
  commas: ','.repeat(chars),
  'words of rules': 'I like my name is '.repeat(500),
  dashes: '-'.repeat(chars),
  'headings without text': '# '.repeat(chars / 2),
  'colons of speakers': 'User:'.repeat(chars / 5),
};

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.[Symbol.asyncDispose]());

// One that backtracked without bound would hold this process, and the test would end by its limit.
it.each(Object.entries(texts))('[SEC-9] 10,000 characters of %s are answered, and so is who asks meanwhile', async (_, text) => {
  const api = createApi(server.url, await server.register());
  const fact = { type: 'fact', scope: 'site' };
  const work = [
    api.call('POST', '/memories', { content: text, ...fact }),
    api.call('POST', '/memories/search', { query: text.slice(0, 1_000) }),
    api.call('POST', '/memories/ingest', { messages: [{ role: 'user', content: text }] }),
    api.call('POST', '/memories/ingest', { conversationText: `User: ${text}` }),
    api.call('POST', '/memories/import', `- ${text}\n`, { 'content-type': 'text/markdown' }),
    api.call('POST', '/memories/import', `content,type,scope\n${text},fact,site\n`, { 'content-type': 'text/csv' }),
  ];
  expect((await send('GET', `${server.url}/health`)).status).toBe(200);
  for (const { status, body } of await Promise.all(work)) expect([200, 201, 400], JSON.stringify(body)).toContain(status);
});
