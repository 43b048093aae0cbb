/** `aibrain keys` on the command line, and what a server with such a file publishes. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { send } from '../support/http.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

const program = join(import.meta.dirname, '../../dist/src/server/cli.js');
const run = promisify(execFile);

let folder = '';
let file = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'aibrain-keys-'));
  file = join(folder, 'keys.json');
});
afterAll(() => rmSync(folder, { recursive: true }));

async function keys(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [program, 'keys', ...args], {
    env: { PATH: process.env['PATH'], DATA_DIR: folder, JWT_KEYS: file },
  });
  return stdout;
}

const kidIn = (text: string): string => /key (\S+) /.exec(text)?.[1] ?? '';

const start = (): Promise<TestServer> => startTestServer({ env: { JWT_KEYS: file } });

async function published({ url }: TestServer): Promise<JSONWebKeySet> {
  return (await send<JSONWebKeySet>('GET', `${url}/.well-known/jwks.json`)).body;
}

it('[SEC-7] a rotation on the command line: what is published verifies, and holds nothing private', async () => {
  const first = kidIn(await keys('new'));
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const second = kidIn(await keys('new'));
  expect(second).not.toBe(first);
  await using before = await start();
  const old = (await before.register()).token;
  expect(decodeProtectedHeader(old)).toMatchObject({ alg: 'EdDSA', kid: first });
  const set = await published(before);
  expect(set.keys.map(({ kid }) => kid).sort()).toEqual([first, second].sort());
  for (const key of set.keys) expect(Object.keys(key).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
  for (const { d } of (JSON.parse(readFileSync(file, 'utf8')) as JSONWebKeySet).keys) {
    expect(d).toEqual(expect.any(String));
    expect(JSON.stringify(set)).not.toContain(d);
  }
  expect((await jwtVerify(old, createLocalJWKSet(set))).protectedHeader.kid).toBe(first);

  expect(await keys('use', second)).toContain(`key ${second} signs`);
  await using after = await start();
  const renewed = (await after.register()).token;
  expect(decodeProtectedHeader(renewed).kid).toBe(second);
  await jwtVerify(renewed, createLocalJWKSet(await published(after)));

  expect(await keys('drop', first)).toContain(`key ${first} is refused`);
  await using last = await start();
  const left = await published(last);
  expect(left.keys.map(({ kid }) => kid)).toEqual([second]);
  await expect(jwtVerify(old, createLocalJWKSet(left))).rejects.toThrow();
  const { status } = await send('GET', `${last.url}/api/v1/auth/me`, { token: old });
  expect(status).toBe(401);
}, 60_000);

it.each([[['use', 'none']], [['drop', 'none']], [['use']], [['drop']], [['shred', 'x']], [['new', 'x']]])(
  '[SEC-7] %j is refused, and the file stays as it was',
  async (args) => {
    await keys('new');
    const text = readFileSync(file, 'utf8');
    await expect(keys(...args)).rejects.toMatchObject({ code: expect.any(Number) });
    expect(readFileSync(file, 'utf8')).toBe(text);
  },
);

it('[SEC-7] a secret is never published', async () => {
  await using server = await startTestServer();
  expect(await published(server)).toEqual({ keys: [] });
});
