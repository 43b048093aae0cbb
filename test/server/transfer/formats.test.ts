/** The formats of other products, by small files as they write them. */
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import yazl from 'yazl';
import type { Item } from '../../../src/server/transfer/item.ts';
import { type FileFormat, readItems, UnknownFormat } from '../../../src/server/transfer/read-items.ts';
import { readZip } from '../../../src/server/transfer/read-zip.ts';
import { conversationToTurns } from '../../../src/server/transfer/turns.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aibrain-formats-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function collect(pieces: AsyncIterable<readonly Item[]>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const items of pieces) all.push(...items);
  return all;
}

const read = (text: string | Uint8Array, format: FileFormat | null = null, size = 7): Promise<Item[]> =>
  collect(readItems(inPieces(typeof text === 'string' ? Buffer.from(text) : text, size), format));

const contents = (items: readonly Item[]): unknown[] =>
  items.map((item) => ('memory' in item ? item.memory.fields.content : 'fault' in item ? item.fault : item));

const node = (id: string, parent: string | null, role: string, text: string, more: object = {}) => ({
  id,
  parent,
  children: [],
  message: { id, author: { role }, create_time: 1_700_000_000.5, content: { content_type: 'text', parts: [text] }, ...more },
});

const chat = {
  id: 'c1',
  conversation_id: 'c1',
  title: 'Bridges',
  current_node: 'e',
  mapping: {
    root: { id: 'root', parent: null, children: ['a'], message: null },
    a: node('a', 'root', 'system', 'You are helpful'),
    b: node('b', 'a', 'user', 'I build bridges'),
    other: node('other', 'b', 'assistant', 'The branch that was thrown away'),
    c: node('c', 'b', 'tool', 'tool output'),
    h: node('h', 'c', 'user', 'hidden', { metadata: { is_visually_hidden_from_conversation: true } }),
    w: node('w', 'h', 'assistant', 'weightless', { weight: 0 }),
    t: node('t', 'w', 'assistant', 'search("x")', { recipient: 'browser' }),
    d: node('d', 't', 'user', '', {
      content: {
        content_type: 'multimodal_text',
        parts: [{ content_type: 'image_asset_pointer', asset_pointer: 'x' }, 'See this'],
      },
    }),
    e: node('e', 'd', 'assistant', 'Fine bridges'),
  },
};

it('[house] ChatGPT: from the current node to the root, without what was hidden, of tools or without weight', async () => {
  const items = await read(JSON.stringify([chat]));
  expect(items).toHaveLength(1);
  expect(items[0]).toMatchObject({ conversation: { id: 'c1', platform: 'chatgpt', title: 'Bridges' } });
  const [item] = items;
  if (item === undefined || !('conversation' in item)) throw new Error('no conversation');
  expect(item.conversation.messages.map(({ id, role, text }) => [id, role, text])).toEqual([
    ['b', 'user', 'I build bridges'],
    ['d', 'user', 'See this'],
    ['e', 'assistant', 'Fine bridges'],
  ]);
  const turns = conversationToTurns(item.conversation);
  expect(turns[0]).toMatchObject({
    memory: {
      fields: {
        type: 'meta',
        scope: 'conversation',
        tags: ['user'],
        source: { platform: 'chatgpt', conversationId: 'c1', title: 'Bridges', timestamp: '2023-11-14T22:13:20.500Z' },
      },
      createdAt: 1_700_000_000_500,
    },
  });
  expect(conversationToTurns(item.conversation)).toEqual(turns);
});

it('[house] ChatGPT: parents in a circle end the branch', async () => {
  const mapping = { a: node('a', 'b', 'user', 'one'), b: node('b', 'a', 'user', 'two') };
  const [item] = await read(JSON.stringify([{ id: 'c', current_node: 'a', mapping }]));
  expect(item).toMatchObject({ conversation: { messages: [{ text: 'two' }, { text: 'one' }] } });
});

it('[house] long turns are cut into pieces that lose no word and no half of a character', async () => {
  const words = fc.array(fc.constantFrom('word', '😀', '\n\n', ' ', 'x'.repeat(4_000), '😀'.repeat(6_000)), { maxLength: 40 });
  fc.assert(
    fc.property(words, (parts) => {
      const text = parts.join('');
      const turns = conversationToTurns({
        id: 'c',
        platform: 'p',
        title: null,
        messages: [{ id: 'm', role: 'user', text, at: null }],
      });
      const pieces = turns.map((turn) => ('memory' in turn ? turn.memory.fields.content : ''));
      expect(turns.every((turn) => 'memory' in turn)).toBe(true);
      expect(pieces.join('').replace(/\s/g, '')).toBe(text.replace(/\s/g, ''));
    }),
    { numRuns: 50 },
  );
});

it('[house] Claude: conversations, and what it remembers', async () => {
  const conversation = {
    uuid: 'u1',
    name: 'Tea',
    chat_messages: [
      {
        uuid: 'm1',
        sender: 'human',
        text: 'I like tea',
        created_at: '2024-01-01T00:00:00.000Z',
        content: [{ type: 'text', text: 'I like tea' }],
      },
      {
        uuid: 'm2',
        sender: 'assistant',
        text: 'shown',
        content: [
          { type: 'thinking', thinking: 'hm' },
          { type: 'text', text: 'Noted' },
        ],
      },
      { uuid: 'm3', sender: 'human', text: '', content: [] },
    ],
  };
  const [item] = await read(JSON.stringify([conversation]));
  expect(item).toMatchObject({
    conversation: {
      id: 'u1',
      platform: 'claude',
      messages: [
        { text: 'I like tea', at: Date.UTC(2024) },
        { role: 'assistant', text: 'Noted', at: null },
      ],
    },
  });
  const memories = await read(
    JSON.stringify([
      {
        conversations_memory: '**Work context**\n\nBuilds bridges.\n\n- Likes tea\n- Plays go',
        project_memories: { p1: 'A plan' },
      },
    ]),
  );
  expect(contents(memories)).toEqual(['Builds bridges.', 'Likes tea', 'Plays go', 'A plan']);
});

it('[SEC-3] a record of a list has the limit of a line, and only a conversation may be longer', async () => {
  const long = 'x'.repeat(1_100_000);
  const turn = node('b', null, 'user', 'I build bridges');
  const longChat = { ...chat, current_node: 'b', mapping: { b: turn, other: node('other', null, 'user', long) } };
  const atLimit = { content: 'at the limit', extra: 'x'.repeat(1_048_500) };
  const list = JSON.stringify([{ content: 'before' }, { content: 'long', extra: long }, atLimit, longChat, { content: 'after' }]);
  const items = await read(list, null, 65_536);
  expect(
    items.map((item) => ('memory' in item ? item.memory.fields.content : 'fault' in item ? item.fault.message : 'a chat')),
  ).toEqual(['before', 'has more than 1048576 bytes', 'at the limit', 'a chat', 'after']);
});

it('[house] mem0: a list, an object with results, or lines', async () => {
  const row = {
    id: '3f8a1c52-0b1d-4e62-9c5e-0a9d5ad0b111',
    memory: 'Likes tea',
    user_id: 'u',
    categories: ['food'],
    created_at: '2024-01-01T00:00:00-07:00',
    updated_at: null,
  };
  for (const text of [JSON.stringify([row]), JSON.stringify({ results: [row] }), JSON.stringify(row)]) {
    expect(await read(text)).toMatchObject([
      { memory: { id: row.id, fields: { content: 'Likes tea', tags: ['food'] }, createdAt: Date.UTC(2024, 0, 1, 7) } },
    ]);
  }
});

it('[house] MCP: each observation and each relation is a memory', async () => {
  const text = [
    { type: 'entity', name: 'Ada', entityType: 'person', observations: ['likes tea', 'plays go', 3] },
    { type: 'relation', from: 'Ada', to: 'Acme', relationType: 'works at' },
  ]
    .map((line) => JSON.stringify(line))
    .join('\n');
  expect(contents(await read(text))).toEqual([
    'Ada: likes tea',
    'Ada: plays go',
    { code: 'invalid_request', path: 'observations.2', message: 'must be text' },
    'Ada works at Acme',
  ]);
});

it('[house] the extension: times in ms, the source nested, its own embedding; ids that count become UUIDs', async () => {
  const record = {
    id: 7,
    content: 'Tea',
    type: 'opinion',
    createdAt: 1_700_000_000_000,
    source: { pageTitle: 'A page', timestamp: 1_700_000_000_000 },
    embedding: [0.5, 1],
  };
  const [item, again] = await read(JSON.stringify([record, record]));
  expect(item).toMatchObject({
    memory: {
      fields: { type: 'fact', scope: 'user_global', source: { title: 'A page', timestamp: '2023-11-14T22:13:20.000Z' } },
      createdAt: 1_700_000_000_000,
      embedding: { numbers: [0.5, 1] },
    },
  });
  if (item === undefined || again === undefined || !('memory' in item && 'memory' in again)) throw new Error('no memories');
  expect(item.memory.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5/);
  expect(again.memory.id).toBe(item.memory.id);
  expect(contents(await read(JSON.stringify([{ content: 'x', embedding: [1, null] }])))).toMatchObject([{ path: 'embedding' }]);
});

it('[house] CSV: usual names of columns, any of three separators, quotes and lines in fields', async () => {
  expect(await read('Text;Labels;created\n"a;b\n""c""";x,y;2024-01-01\n')).toMatchObject([
    { memory: { fields: { content: 'a;b\n"c"', tags: ['x,y'] }, createdAt: Date.UTC(2024) }, place: 'line 3' },
  ]);
  expect(contents(await read('content,confidence\nfine,0.5\nbad,often\n\nlast,\n'))).toMatchObject([
    'fine',
    { path: 'confidence' },
    'last',
  ]);
  expect(contents(await read('content,tags\n"never ends,a\n'))).toMatchObject([{ path: '' }]);
});

it('[house] bytes that are no UTF-8 are named, not replaced', async () => {
  const wrong = Buffer.from([0x22, 0xff, 0x22]);
  const line = Buffer.concat([Buffer.from('{"content":'), wrong, Buffer.from('}\n{"content":"two"}')]);
  expect(contents(await read(line))).toMatchObject([{ message: 'is not UTF-8' }, 'two']);
  const list = Buffer.concat([Buffer.from('[{"content":"one"},{"content":'), wrong, Buffer.from('}]')]);
  expect(contents(await read(list))).toMatchObject(['one', { message: 'the file is not UTF-8' }]);
});

it('[house] no file makes a reader throw, or gives what no memory can hold', async () => {
  const pieces = fc.array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.constantFrom('{"content":"', '"}', '[', ']', '\n', '- ', '# x\n', 'content,tags\n', '<!-- aibrain ', ' -->', '\0', '"'),
    ),
    { maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(
      pieces,
      fc.constantFrom<(FileFormat | null)[]>(null, 'ndjson', 'csv', 'markdown', 'chatgpt', 'claude', 'mem0', 'mcp', 'extension'),
      fc.integer({ min: 1, max: 64 }),
      async (parts, format, size) => {
        try {
          for (const item of await read(parts.join(''), format, size)) {
            if ('memory' in item)
              expect(item.memory.fields.content).toSatisfy(
                (text: string) => text !== '' && text.isWellFormed() && !text.includes('\0'),
              );
          }
        } catch (error) {
          if (!(error instanceof UnknownFormat)) throw error;
        }
      },
    ),
    { numRuns: 300 },
  );
});

async function zipOf(files: Readonly<Record<string, string | Buffer>>): Promise<string> {
  const zip = new yazl.ZipFile();
  for (const [name, text] of Object.entries(files)) zip.addBuffer(Buffer.from(text), name);
  zip.end();
  const path = join(folder, `${Math.trunc(performance.now() * 1_000)}.zip`);
  await pipeline(zip.outputStream, createWriteStream(path));
  return path;
}

const readZipFile = (path: string): Promise<Item[]> => collect(readZip(path, (bytes) => readItems(bytes, null)));

it('[house] a zip: split conversations, and nothing else of it', async () => {
  const path = await zipOf({
    'conversations-000.json': JSON.stringify([chat]),
    'export/conversations-001.json': JSON.stringify([{ ...chat, id: 'c2', conversation_id: 'c2' }]),
    'user.json': '{}',
    'chat.html': 'x',
  });
  const items = await readZipFile(path);
  expect(items.map((item) => ['conversation' in item && item.conversation.id, item.index, item.place])).toEqual([
    ['c1', 0, 'conversations-000.json, record 1'],
    ['c2', 1, 'export/conversations-001.json, record 1'],
  ]);
});

it('[SEC-3] a zip bomb is refused before it is unpacked', async () => {
  const path = await zipOf({ 'conversations.json': Buffer.alloc(20_000_000, ' '), 'memories.json': '[{"content":"fine"}]' });
  expect(contents(await readZipFile(path))).toMatchObject([
    { message: 'is packed too tightly to be a file of memories' },
    'fine',
  ]);
});

it('[house] a zip that leads out of itself, or is none, is named', async () => {
  const path = await zipOf({ 'aa/conversations.json': '[]' });
  const bytes = await import('node:fs/promises').then(({ readFile }) => readFile(path));
  await writeFile(path, Buffer.from(bytes.toString('latin1').replaceAll('aa/conv', '../conv'), 'latin1'));
  expect(contents(await readZipFile(path))).toMatchObject([{ message: 'the zip is damaged from here on' }]);
  await writeFile(path, 'PK no zip');
  expect(contents(await readZipFile(path))).toMatchObject([{ message: 'the file is no zip' }]);
});
