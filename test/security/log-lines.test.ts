/** Line ends and control characters in what callers send: they break no log line and no header of an answer. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { generateKey } from '../../src/server/access/token-key-file.ts';
import { createApi } from '../support/api.ts';
import { exercise, startExerciseVendor } from '../support/exercise.ts';
import { send } from '../support/http.ts';
import type { OpenAiServer } from '../support/openai-server.ts';
import { startTestServer, type TestServer, testPassword } from '../support/server.ts';

const forged = [
  'a\r\nX-Forged: yes\r\n\r\nforged',
  'a\n{"level":60,"msg":"forged"}',
  '\u001b[2J\u001b[31mforged\u001b[0m',
  'a\u0007\u0008\u007f\u009bforged',
  'a\u2028{"msg":"forged"}\u2029',
  '","msg":"forged","x":"',
] as const;

const jwtSecret = 'a secret that signs nothing here but verifies';
let signingKey: { readonly d?: string };
let vendor: OpenAiServer;
let server: TestServer;
const written: string[] = [];
beforeAll(async () => {
  const made = await startExerciseVendor();
  vendor = made.vendor;
  signingKey = (await generateKey('EdDSA')) as typeof signingKey;
  const keys = { JWT_SECRET: jwtSecret, JWT_KEYS: JSON.stringify({ keys: [signingKey] }) };
  const log = { write: (text: string): void => void written.push(text) };
  server = await startTestServer({ log, env: { ...made.env, ...keys, LOG_LEVEL: 'trace', SLOW_REQUEST_MS: '1' } });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await vendor?.[Symbol.asyncDispose]();
});

/** Fails for a line that is not one JSON object of ours in printable ASCII or letters. */
function expectWholeLines(): void {
  const text = written.join('');
  expect(text.endsWith('\n')).toBe(true);
  for (const line of text.slice(0, -1).split('\n')) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for.
    expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
    const { msg, level } = JSON.parse(line) as { readonly msg: string; readonly level: number };
    expect(msg).not.toBe('forged');
    expect(level).toBeLessThan(60);
  }
}

/** The head of the answer to a request whose bytes are the test's own. */
async function answerTo(head: string): Promise<string> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => {
    text += piece;
  });
  socket.end(head, 'latin1');
  await once(socket, 'close');
  return text;
}

it('[SEC-4] text of users does not break a line: e-mails, names, contents, messages', async () => {
  const api = createApi(server.url, await server.register());
  for (const text of forged) {
    const email = `${text}@example.org`;
    const device = { id: randomUUID(), name: text, platform: text };
    await send('POST', `${server.url}/api/v1/auth/register`, { body: { email, password: testPassword, device } });
    await send('POST', `${server.url}/api/v1/auth/login`, { body: { email, password: text, device } });
    await api.call('POST', '/auth/api-keys', { name: text, scopes: ['read'] });
    await api.call('PATCH', '/auth/me', { settings: { [text]: text } });
    await api.call('POST', '/memories', { content: text, type: 'fact', scope: 'site', tags: [text], source: { title: text } });
    await api.call('POST', '/memories/search', { query: text });
    await api.call('POST', '/memories/ingest', { messages: [{ role: 'user', content: text }], context: { title: text } });
    await api.call('POST', '/memories/import', text, { 'content-type': 'text/csv' });
    const at = encodeURIComponent(text);
    for (const path of [`/memories/${at}`, `/memories?tags=${at}`, `/${at}?${at}=${at}`, `/memories?cursor=${at}`])
      await api.get(path);
  }
  expect(written.length).toBeGreaterThan(60);
  expectWholeLines();
});

it('[SEC-4] [SEC-8] fields and paths of raw requests come back in no header, and break no line', async () => {
  for (const text of [
    'x%0d%0aX-Forged:%20yes',
    'x%00',
    'x%1b[31m',
    'x\u001b[31m',
    'x\u0085forged',
    'x\tforged',
    'x\rX-Forged: yes',
  ]) {
    for (const head of [
      `GET /health?${text} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      `GET /${text} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      ...['X-Request-Id', 'User-Agent', 'Origin', 'Host', 'X-Forwarded-For', 'traceparent', 'Authorization', 'If-Match'].map(
        (name) =>
          `GET /api/v1/memories HTTP/1.1\r\n${name === 'Host' ? '' : 'Host: a\r\n'}${name}: ${text}\r\nConnection: close\r\n\r\n`,
      ),
    ]) {
      const answer = await answerTo(head);
      expect(answer, head).toMatch(/^HTTP\/1\.1 \d{3} /);
      expect((answer.split('\r\n\r\n')[0] ?? '').toLowerCase(), head).not.toMatch(/forged|\[31m/);
    }
  }
  expectWholeLines();
});

it('[SEC-4] a request keeps the id that the server gave it', async () => {
  const asked = 'id-of-the-caller';
  const { headers } = await send('GET', `${server.url}/health`, { headers: { 'x-request-id': asked } });
  expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  expect(written.join('')).not.toContain(asked);
});

it('[SEC-4] neither API keys, renewed tokens nor tokens in queries reach the log of a whole day', async () => {
  const { secrets } = await exercise(server);
  const user = await server.register();
  const api = createApi(server.url, user);
  const key = (await api.call<{ key: string }>('POST', '/auth/api-keys', { name: 'key', scopes: ['write'] })).body.key;
  expect(key).toMatch(/^aib_/);
  const renewed = await send<{ token: string; refreshToken: string }>('POST', `${server.url}/api/v1/auth/refresh`, {
    body: { refreshToken: user.refreshToken },
  });
  const all = [...secrets, key, user.token, user.refreshToken, renewed.body.token, renewed.body.refreshToken];
  for (const token of [key, renewed.body.token, renewed.body.refreshToken]) {
    for (const path of [
      '/api/v1/memories',
      `/api/v1/sync?token=${token}`,
      `/nowhere?token=${token}`,
      `/api/v1/memories?%74oken=${token}`,
    ])
      await fetch(server.url + path, { headers: { authorization: `Bearer ${token}`, 'x-api-key': token } });
    await send('POST', `${server.url}/api/v1/auth/refresh`, { body: { refreshToken: token } });
  }
  const text = written.join('');
  const found = all.filter((secret) => text.includes(secret) || text.includes(encodeURIComponent(secret)));
  expect(found).toEqual([]);
  // What proves a token is its last part; what signs them is in no line either.
  const tokens = [key, user.token, user.refreshToken, renewed.body.token, renewed.body.refreshToken];
  const proofs = [...tokens.map((token) => token.split('.').at(-1) ?? token), signingKey.d ?? '', jwtSecret];
  expect(proofs.filter((proof) => proof.length < 16 || text.includes(proof))).toEqual([]);
  expectWholeLines();
});
