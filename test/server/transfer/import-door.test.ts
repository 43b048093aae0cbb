/** Files that come in over HTTP as clients send them: chats to be ingested, vectors, zips, wrong media types, aborted uploads. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import yazl from 'yazl';
import type { MemoryJson } from '../../../src/server/edge/memory-json.ts';
import { type Api, createApi, type MemoryList, useServer, type Verdict } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';
import { send } from '../../support/http.ts';
import { startTestServer } from '../../support/server.ts';

interface Report {
  readonly imported: number;
  readonly updated: number;
  readonly skipped: number;
  readonly skippedBecause: Readonly<Record<string, number>>;
  readonly failed: readonly { readonly place: string; readonly path: string; readonly message: string }[];
  readonly failedCount: number;
}

interface Found {
  readonly results: readonly { readonly memory: MemoryJson; readonly similarity?: number }[];
}

// The server runs in this process: what it spools during a test goes here, and can be counted.
let folder = '';
const temporary = process.env['TMPDIR'];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aibrain-door-'));
  process.env['TMPDIR'] = folder;
});
afterEach(async () => {
  if (temporary === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = temporary;
  await rm(folder, { recursive: true, force: true });
});

const ndjson = { 'content-type': 'application/x-ndjson' };
const bytes = { 'content-type': 'application/octet-stream' };

const node = (id: string, parent: string | null, role: string, text: string) => ({
  id,
  parent,
  children: [],
  message: { id, author: { role }, create_time: 1_700_000_000.5, content: { content_type: 'text', parts: [text] } },
});

/** As ChatGPT exports it, with a branch that was thrown away. */
const chat = (more: object = {}, current = 'd') => ({
  id: 'c1',
  conversation_id: 'c1',
  title: 'About me',
  current_node: current,
  mapping: {
    a: { id: 'a', parent: null, children: ['b', 'x'], message: null },
    x: node('x', 'a', 'user', 'My name is Nobody.'),
    b: node('b', 'a', 'user', 'My name is Ada and I live in Bern.'),
    c: node('c', 'b', 'assistant', 'Hello Ada! I live nowhere.'),
    d: node('d', 'c', 'user', 'What is the capital of France?'),
    ...more,
  },
});

async function zipOf(files: Readonly<Record<string, string>>): Promise<Uint8Array> {
  const zip = new yazl.ZipFile();
  for (const [name, text] of Object.entries(files)) zip.addBuffer(Buffer.from(text), name);
  zip.end();
  return buffer(zip.outputStream);
}

const contentsOf = async (api: Api): Promise<readonly string[]> => {
  const { memories } = (await api.get<MemoryList>('/memories?limit=100')).body;
  return memories.map(({ content }) => content).sort();
};

/** Sends this much and no more, then cuts the line when told to. */
function begin(url: string, api: Api, headers: Readonly<Record<string, string>>, text: string): { cut(): void } {
  const sent = request(`${url}/api/v1/memories/import`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api.user.token}`, ...headers },
  });
  sent.on('error', () => undefined);
  sent.write(text);
  return { cut: () => sent.destroy() };
}

it('[house] an upload that is cut is no error of the server', async () => {
  const log: string[] = [];
  await using server = await startTestServer({ env: { LOG_LEVEL: 'info' }, log: { write: (line) => void log.push(line) } });
  const api = createApi(server.url, await server.register());
  const cutShort = begin(server.url, api, ndjson, '{"content":"one"}\n'.repeat(1_000));
  await expect.poll(() => api.head(), { timeout: 10_000 }).toBeGreaterThan(0);
  cutShort.cut();
  await expect.poll(() => log.join(''), { timeout: 10_000 }).toContain('an upload was cut');
  await api.get('/memories');
  expect(log.join('')).not.toContain('unexpected error');
}, 30_000);

describeOnEachEngine('files through the door', (open) => {
  const fixture = useServer(open);
  const { login } = fixture;

  const upload = async (api: Api, body: string | Uint8Array, headers: Readonly<Record<string, string>>, query = '') => {
    const url = `${fixture.server.url}/api/v1/memories/import${query}`;
    return send<Report & { readonly code?: string }>('POST', url, { token: api.user.token, body, headers });
  };

  it('[house] ingest: a chat becomes what the user said of themselves, once, and later only what is new', async () => {
    const api = await login();
    const { body } = await upload(api, JSON.stringify([chat()]), { 'content-type': 'application/json' }, '?ingest=true');
    expect(body).toMatchObject({ imported: 2, updated: 0, skipped: 0, failed: [] });
    const { memories } = (await api.get<MemoryList>('/memories')).body;
    expect(memories.map(({ content }) => content).sort()).toEqual(['I live in Bern.', 'My name is Ada']);
    for (const { source } of memories)
      expect(source).toMatchObject({ platform: 'chatgpt', conversationId: 'c1', title: 'About me' });
    const again = await upload(api, JSON.stringify([chat()]), { 'content-type': 'application/json' }, '?ingest=true');
    expect(again.body).toMatchObject({ imported: 0, updated: 0, failed: [] });
    const grown = chat({ e: node('e', 'd', 'user', 'I prefer short answers.') }, 'e');
    const more = await upload(api, JSON.stringify([grown]), { 'content-type': 'application/json' }, '?ingest=true');
    expect(more.body).toMatchObject({ imported: 1, updated: 0, failed: [] });
    expect(await contentsOf(api)).toEqual(['I live in Bern.', 'I prefer short answers.', 'My name is Ada']);
  });

  it('[house] ingest reads conversations only: memories of the same file go in as they are', async () => {
    const api = await login();
    const lines = [chat(), { content: 'Remember that I like tea' }].map((value) => JSON.stringify(value)).join('\n');
    const { body } = await upload(api, lines, ndjson, '?ingest=true');
    expect(body).toMatchObject({ imported: 3, failed: [] });
    expect(await contentsOf(api)).toEqual(['I live in Bern.', 'My name is Ada', 'Remember that I like tea']);
  });

  it('[house] records bring their own vectors, are shown as embedded, and are found by them', async () => {
    const api = await login();
    const records = [
      { content: 'near', embedding: [1, 0.1, 0], embeddingModel: 'mine' },
      { content: 'far', embedding: [0, 0, 1], embeddingModel: 'mine' },
      { content: 'nameless', embedding: [0, 1], createdAt: 1_700_000_000_000 },
      { content: 'bare' },
    ];
    const { body } = await upload(api, records.map((record) => JSON.stringify(record)).join('\n'), ndjson);
    expect(body).toMatchObject({ imported: 4, failed: [] });
    const find = async (search: object) =>
      (await api.call<Found>('POST', '/memories/search', { mode: 'semantic', ...search })).body.results;
    const [first, second, ...others] = await find({ embedding: [1, 0, 0], embeddingModel: 'mine' });
    expect([first?.memory.content, second?.memory.content, others.length]).toEqual(['near', 'far', 0]);
    expect(first?.similarity).toBeCloseTo(1 / Math.hypot(1, 0.1), 3);
    expect((await find({ embedding: [0, 1] })).map(({ memory }) => memory.content)).toEqual(['nameless']);
    const { memories } = (await api.get<MemoryList>('/memories')).body;
    // The worker may have come to the bare one in the meantime.
    const brought = memories.filter(({ content }) => content !== 'bare');
    expect(brought.map(({ embedded }) => embedded)).toEqual([true, true, true]);
  });

  it('[SEC-2] a record cannot put a vector among those that the server makes itself', async () => {
    const api = await login();
    const record = { content: 'x', embedding: [1], embeddingModel: 'lexical-1' };
    const long = { content: 'x', embedding: [1], embeddingModel: 'm'.repeat(129) };
    const { body } = await upload(api, `${JSON.stringify(record)}\n${JSON.stringify(long)}\n{"content":"fine"}`, ndjson);
    expect(body).toMatchObject({ imported: 1, failed: [{ path: 'embeddingModel' }, { path: 'embeddingModel' }] });
  });

  for (const headers of [{ 'content-type': 'application/zip' }, bytes]) {
    it(`[house] a zip as ${headers['content-type']}: its chats, kept turn by turn, and nothing stays on the disk`, async () => {
      const api = await login();
      const zip = await zipOf({
        'conversations.json': JSON.stringify([chat()]),
        'README.md': 'No list in here.',
        'more.ndjson': '{"content":"a line"}\n',
        'chat.html': '<p>',
      });
      const { status, body } = await upload(api, zip, headers);
      expect([status, body.imported]).toEqual([200, 4]);
      expect(body.failed).toEqual([
        expect.objectContaining({ place: 'README.md', message: 'the file is none of the known formats' }),
      ]);
      expect(await contentsOf(api)).toEqual([
        'Hello Ada! I live nowhere.',
        'My name is Ada and I live in Bern.',
        'What is the capital of France?',
        'a line',
      ]);
      expect((await upload(api, zip, headers)).body).toMatchObject({ skippedBecause: { unchanged: 3 } });
      expect(await readdir(folder)).toEqual([]);
    });
  }

  it('[house] format says what the file is, whatever the media type', async () => {
    const api = await login();
    const csv = await upload(api, 'id,content\n1,"a, b"\n', { 'content-type': 'text/markdown' }, '?format=csv');
    expect(csv.body).toMatchObject({ imported: 1, failed: [] });
    const list = await upload(api, 'content\n- from a list\n', { 'content-type': 'text/csv' }, '?format=markdown');
    expect(list.body).toMatchObject({ imported: 1, failed: [] });
    const mem0 = await upload(api, '[{"content":"no row of mem0"}]', { 'content-type': 'application/json' }, '?format=mem0');
    expect(mem0.body).toMatchObject({ imported: 0, failed: [{ path: 'memory' }] });
    const zip = await upload(api, await zipOf({ 'a.ndjson': '{"content":"packed"}' }), bytes, '?format=zip');
    expect(zip.body).toMatchObject({ imported: 1, failed: [] });
    const chats = await upload(api, await zipOf({ 'conversations.json': JSON.stringify([chat()]) }), bytes, '?format=chatgpt');
    expect(chats.body).toMatchObject({ imported: 3, failed: [] });
    const none = await upload(api, 'not a zip', { 'content-type': 'application/json' }, '?format=zip');
    expect(none.body).toMatchObject({ imported: 0, failed: [{ message: 'the file is no zip' }] });
    expect((await upload(api, 'x', ndjson, '?format=word')).status).toBe(400);
    expect(await readdir(folder)).toEqual([]);
  });

  it('[LOG-1] an upload that is cut leaves whole memories only, and the file sent again completes them', async () => {
    const api = await login();
    const contents = Array.from({ length: 2_000 }, (_, index) => `memory ${index} ${'of some length '.repeat(5)}`);
    const lines = contents.map((content, index) =>
      JSON.stringify({ id: `0194d3a4-0000-7000-8000-${String(index).padStart(12, '0')}`, content, tags: ['cut'] }),
    );
    const whole = lines.join('\n');
    const upTo = whole.lastIndexOf('"tags"');
    const cutShort = begin(fixture.server.url, api, ndjson, whole.slice(0, upTo));
    await expect.poll(() => api.head(), { timeout: 10_000 }).toBeGreaterThan(0);
    cutShort.cut();
    const again = await upload(api, whole, ndjson);
    expect(again.body.failed).toEqual([]);
    expect(again.body.imported + again.body.skipped).toBe(2_000);
    const seen: MemoryJson[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: { body: MemoryList } = await api.get<MemoryList>(
        `/memories?limit=100${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...page.body.memories);
      cursor = page.body.nextCursor;
    }
    expect(seen.map(({ content }) => content).sort()).toEqual(contents.sort());
    expect(seen.every(({ tags }) => tags.join() === 'cut')).toBe(true);
    expect((await api.get<Verdict>('/audit/verify')).body).toMatchObject({ verified: true, events: 2_000 });
  }, 60_000);

  it('[house] of a JSON upload that is cut nothing is written, and nothing stays on the disk', async () => {
    const api = await login();
    const cutShort = begin(
      fixture.server.url,
      api,
      { 'content-type': 'application/json' },
      `{"memories":[${'{"content":"one"},'.repeat(1_000)}{"con`,
    );
    try {
      await expect.poll(() => readdir(folder), { timeout: 10_000 }).toHaveLength(1);
    } finally {
      cutShort.cut();
    }
    await expect.poll(() => readdir(folder), { timeout: 10_000 }).toEqual([]);
    expect(await api.head()).toBe(0);
    expect((await upload(api, '{"content":"goes on"}', ndjson)).body.imported).toBe(1);
  });
});
