/** What browsers, proxies and vendors may do with this server. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { authRates } from '../../src/server/edge/auth-rates.ts';
import { httpLimits } from '../../src/server/edge/http-limits.ts';
import { send } from '../support/http.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const root = join(import.meta.dirname, '../..');
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({
    env: { CORS_ORIGIN: 'https://good.example,moz-extension://*', QUERY_TOKEN: 'refuse', RATE_LIMIT: 'on' },
  });
});
afterAll(() => server?.[Symbol.asyncDispose]());

/** The status that the upgrade was refused with, or 101. */
function upgrade(origin: string | undefined, query = ''): Promise<number> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/api/v1/sync${query}`, origin === undefined ? {} : { origin });
  return new Promise((resolve, reject) => {
    socket.on('open', () => {
      socket.terminate();
      resolve(101);
    });
    socket.on('unexpected-response', (_, response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    socket.on('error', reject);
  });
}

it('[SEC-8] a page of another origin opens no socket; one of the list, of this server, or no page does', async () => {
  for (const origin of [
    'https://evil.example',
    'http://good.example',
    'null',
    'chrome-extension://abc',
    'https://good.example.evil.example',
  ])
    expect(await upgrade(origin), origin).toBe(403);
  for (const origin of [undefined, 'https://good.example', 'moz-extension://0b1c', server.url])
    expect(await upgrade(origin), origin).toBe(101);
});

it('[SEC-16] an upgrade that is answered with something else leaves no connection open', async () => {
  for (const [path, status] of [
    ['/health', '200'],
    ['/api/v1/memories', '401'],
    ['/nothing', '404'],
  ] as const) {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`);
    await once(socket, 'close');
    expect(answer.split(' ', 2)[1], path).toBe(status);
  }
});

it('[SEC-8] a token in a URL can be refused', async () => {
  expect(await upgrade(undefined, '?token=x')).toBe(401);
  expect(await upgrade(undefined, '?%74oken=x')).toBe(401);
  expect(await upgrade(undefined)).toBe(101);
});

it.each(['/health', '/api/v1/memories', '/nothing', '/api/v1/sync', '/%ff'])(
  '[SEC-8] every answer tells browsers to do nothing but read it: %s',
  async (path) => {
    const { headers } = await fetch(`${server.url}${path}`);
    // The router refuses before any hook.
    if (path === '/%ff') return expect(headers.get('content-type')).toContain('application/problem+json');
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'",
    );
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-powered-by')).toBeNull();
  },
);

it('[SEC-8] CORS answers origins of the list alone, and never with credentials', async () => {
  const asked = async (origin: string) => (await fetch(`${server.url}/health`, { headers: { origin } })).headers;
  expect((await asked('https://good.example')).get('access-control-allow-origin')).toBe('https://good.example');
  expect((await asked('moz-extension://0b1c')).get('access-control-allow-origin')).toBe('moz-extension://0b1c');
  for (const origin of ['https://evil.example', 'null', 'chrome-extension://abc']) {
    expect((await asked(origin)).get('access-control-allow-origin'), origin).toBeNull();
  }
  expect((await asked('https://good.example')).get('access-control-allow-credentials')).toBeNull();
});

it('[SEC-3] header fields beyond the limit are refused', async () => {
  const asked = (bytes: number) => send('GET', `${server.url}/health`, { headers: { 'x-long': 'a'.repeat(bytes) } });
  expect((await asked(httpLimits.headerBytes / 2)).status).toBe(200);
  expect((await asked(httpLimits.headerBytes)).status).toBe(400);
});

it('[SEC-6] an address is believed from a trusted proxy alone', async () => {
  const statuses: number[] = [];
  for (let i = 0; i <= authRates.login; i++) {
    const body = { email: `${i}@example.org`, password: 'a wrong long passphrase' };
    const headers = { 'x-forwarded-for': `192.0.2.${i}`, forwarded: `for=192.0.2.${i}`, 'x-real-ip': `192.0.2.${i}` };
    statuses.push((await send('POST', `${server.url}/api/v1/auth/login`, { body, headers })).status);
  }
  expect(statuses.at(-1)).toBe(429);
});

it('[SEC-10] a redirect of the provider does not take the key to another host', async () => {
  const heard: (string | undefined)[] = [];
  const thief = createServer((request, response) => {
    heard.push(request.headers.authorization);
    response.end('{}');
  }).listen(0, '127.0.0.2');
  await new Promise((resolve) => thief.once('listening', resolve));
  const { port } = thief.address() as AddressInfo;
  let asked = 0;
  const provider = createServer((_, response) => {
    asked++;
    response.writeHead(307, { location: `http://127.0.0.2:${port}/v1/embeddings` }).end();
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => provider.once('listening', resolve));
  const place = `http://127.0.0.1:${(provider.address() as AddressInfo).port}/v1`;
  await using other = await startTestServer({ env: { OPENAI_BASE_URL: place, OPENAI_API_KEY: 'sk-of-the-vendor' } });
  const { token } = await other.register();
  await send('POST', `${other.url}/api/v1/memories/search`, { token, body: { query: 'tea', mode: 'semantic' } });
  expect(asked).toBeGreaterThan(0);
  expect(heard.filter((authorization) => authorization !== undefined)).toEqual([]);
  for (const one of [thief, provider]) {
    one.closeAllConnections();
    one.close();
  }
});

it('[house] every package is pinned by its hash, and comes from the registry alone', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { integrity?: string; resolved?: string; link?: boolean }>>;
  };
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
  expect(packages.length).toBeGreaterThan(100);
  // Those that only another platform installs have no hash where the file was last written on this one.
  const isInstalled = (path: string): boolean => existsSync(join(root, path));
  const unpinned = packages.filter(([path, { integrity }]) => isInstalled(path) && !/^sha512-/.test(integrity ?? ''));
  expect(unpinned.map(([path]) => path)).toEqual([]);
  expect(
    packages.filter(([, { resolved }]) => resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/')),
  ).toEqual([]);
});
