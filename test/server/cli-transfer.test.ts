/** `aibrain import` and `aibrain export` as people run them, from dist: against a server, and against the database itself. */
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import yazl from 'yazl';
import { openEmbedded } from '../../src/server/infra/embedded.ts';
import { createApi } from '../support/api.ts';
import { send } from '../support/http.ts';
import { type StorePlace, storePlace } from '../support/places.ts';
import type { TestUser } from '../support/server.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';

const program = join(import.meta.dirname, '../../dist/src/server/cli.js');
const credentials = { email: 'files@example.org', password: 'a long passphrase' };

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let place: StorePlace;
let folder: string;
let server: ServerProcess;
let user: TestUser;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aibrain-cli-'));
  place = await storePlace('pglite');
  server = await startServerProcess(place.env);
  user = (await send<TestUser>('POST', `${server.url}/api/v1/auth/register`, { body: credentials })).body;
}, 60_000);
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await place?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function aibrain(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, ...args],
      { env: { PATH: process.env['PATH'], ...place.env, AIBRAIN_URL: server.url, ...env } },
      (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

const withToken = () => ({ AIBRAIN_TOKEN: user.token });

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

const record = (id: number, content: string) => ({ id: `0194d3a4-0000-7000-8000-00000000000${id}`, content, tags: ['a;b'] });

it('[house] import says what went in, where a record failed, and fails then; the other files go in', async () => {
  const path = await file(
    'some.ndjson',
    [record(1, 'one'), record(2, ''), record(3, 'three')].map((it) => JSON.stringify(it)).join('\n'),
  );
  const none = await file('none.txt', 'hello world');
  const list = await file('list.md', '- from a list\n');
  const ended = await aibrain(['import', path, none, join(folder, 'missing'), list], withToken());
  expect(ended.code).toBe(1);
  expect(ended.stdout).toBe(
    `${path}: 2 imported, 0 updated, 0 skipped, 1 failed\n${list}: 1 imported, 0 updated, 0 skipped, 0 failed\n`,
  );
  expect(ended.stderr).toContain('  line 2: content must not be empty\n');
  expect(ended.stderr).toContain(`aibrain: ${none}: 400 `);
  expect(ended.stderr).toContain('the file is none of the known formats');
  expect(ended.stderr).toMatch(/aibrain: \S+missing: ENOENT/);
  const again = await aibrain(['import', list, '--deduplicate'], withToken());
  expect(again).toEqual({ code: 0, stdout: `${list}: 0 imported, 0 updated, 1 skipped, 0 failed\n`, stderr: '' });
}, 60_000);

it('[house] export writes the file to standard output and nothing else, or to --out', async () => {
  const { body } = await createApi(server.url, user).get<string>('/memories/export?format=csv');
  expect(body.split('\n')).toHaveLength(5);
  expect(await aibrain(['export', '--format', 'csv'], withToken())).toEqual({ code: 0, stdout: body, stderr: '' });
  const out = join(folder, 'out.csv');
  const written = await aibrain(['export', '--format', 'csv', '--out', out, '--token', user.token, '--url', server.url], {
    AIBRAIN_URL: 'http://127.0.0.1:1',
  });
  expect(written).toEqual({ code: 0, stdout: '', stderr: '' });
  expect(await readFile(out, 'utf8')).toBe(body);
}, 60_000);

it('[house] by e-mail and password, as one device however often', async () => {
  const asked = ['export', '--email', credentials.email];
  const first = await aibrain(asked, { AIBRAIN_PASSWORD: credentials.password });
  expect([first.code, first.stderr]).toEqual([0, '']);
  expect(first.stdout.trim().split('\n')).toHaveLength(3);
  expect(await aibrain(asked, { AIBRAIN_PASSWORD: credentials.password })).toEqual(first);
  const { body } = await createApi(server.url, user).get<{ readonly devices: readonly { readonly name: string }[] }>(
    '/auth/devices',
  );
  expect(body.devices.filter(({ name }) => name.startsWith('aibrain on '))).toHaveLength(1);
  const wrong = await aibrain(asked, { AIBRAIN_PASSWORD: 'another passphrase' });
  expect(wrong).toEqual({ code: 1, stdout: '', stderr: 'aibrain: 401 No account has this e-mail and password.\n' });
  const unasked = await aibrain(asked);
  expect(unasked).toEqual({
    code: 1,
    stdout: '',
    stderr: 'aibrain: a password is needed: AIBRAIN_PASSWORD, or a terminal to ask on\n',
  });
}, 60_000);

it('[house] what cannot be done is said, and fails', async () => {
  const said = async (args: readonly string[], env = {}): Promise<string> => {
    const { code, stdout, stderr } = await aibrain(args, env);
    expect([code, stdout]).toEqual([1, '']);
    return stderr;
  };
  expect(await said(['import'], withToken())).toContain('import needs a file');
  expect(await said(['export'])).toContain('whose memories?');
  expect(await said(['export', '--token', 'wrong'])).toContain('401 ');
  expect(await said(['export', '--format', 'pdf'], withToken())).toContain('400 ');
  expect(await said(['export', '--what'], withToken())).toContain("Unknown option '--what'");
  expect(await said(['export'], { ...withToken(), AIBRAIN_URL: 'http://127.0.0.1:1' })).toContain(
    'http://127.0.0.1:1 does not answer',
  );
  // The server has the folder.
  expect(await said(['export', '--user', credentials.email])).toMatch(/^aibrain: /);
}, 60_000);

it('[house] without a server, on the database itself; sessions of commands before have ended', async () => {
  const before = await aibrain(['export'], withToken());
  await server[Symbol.asyncDispose]();
  const email = credentials.email.toUpperCase();
  const exported = await aibrain(['export', '--user', email]);
  expect([exported.code, exported.stdout]).toEqual([0, before.stdout]);
  const zip = new yazl.ZipFile();
  zip.addBuffer(Buffer.from(`${JSON.stringify(record(4, 'four'))}\n${JSON.stringify(record(5, ''))}\n`), 'more.ndjson');
  zip.end();
  const path = join(folder, 'a zip of another name');
  await pipeline(zip.outputStream, createWriteStream(path));
  const imported = await aibrain(['import', path, '--user', email]);
  expect([imported.code, imported.stdout.split('\n').at(-2)]).toEqual([1, `${path}: 1 imported, 0 updated, 0 skipped, 1 failed`]);
  expect(imported.stderr).toContain('  more.ndjson, line 2: content must not be empty\n');
  const chat = await file(
    'chat.json',
    JSON.stringify([{ uuid: 'u', name: 'x', chat_messages: [{ uuid: 'm', sender: 'human', text: 'I live in Bern.' }] }]),
  );
  const ingested = await aibrain(['import', chat, '--ingest', '--user', email]);
  expect([ingested.code, ingested.stdout]).toEqual([0, `${chat}: 1 imported, 0 updated, 0 skipped, 0 failed\n`]);
  const all = (await aibrain(['export', '--user', email])).stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { content: string }).content);
  expect(all.sort()).toEqual(['I live in Bern.', 'four', 'from a list', 'one', 'three']);
  const nobody = await aibrain(['export', '--user', 'nobody@example.org']);
  expect([nobody.code, nobody.stdout]).toEqual([1, '']);
  expect(nobody.stderr).toContain('no account has the e-mail nobody@example.org');
  expect((await aibrain(['export', '--user', email, '--format', 'pdf'])).stderr).toContain(
    '--format must be one of ndjson, json, markdown, csv',
  );
  const db = await openEmbedded({ dataDir: place.env['DATA_DIR'] ?? '' });
  try {
    const [sessions] = await db.query('select count(*) as all, count(*) filter (where ended_at is null) as open from sessions');
    expect(sessions).toEqual({ all: 3, open: 1 });
  } finally {
    await db.close();
  }
}, 120_000);
