/** Bad input: a typed error that names the field, and nothing written. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { type Api, creation, edit, useServer } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

interface Bad {
  readonly name: string;
  readonly body: unknown;
  readonly status?: number;
  readonly code?: string;
  /** Of the first error. */
  readonly path?: string;
}

const memory = { content: 'Tea', type: 'fact', scope: 'user_global' };

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

const badMemories: readonly Bad[] = [
  { name: 'malformed JSON', body: '{"content": ', code: 'invalid_json' },
  { name: 'no JSON at all', body: 'content=Tea', code: 'invalid_json' },
  { name: 'an empty body', body: '', code: 'invalid_json' },
  { name: 'a list', body: [], path: '' },
  { name: 'missing fields', body: {}, path: 'content' },
  { name: 'an unknown field', body: { ...memory, colour: 'red' }, path: 'colour' },
  { name: '1 MB of content', body: { ...memory, content: 'x'.repeat(1_000_000) }, path: 'content' },
  { name: 'a body over the limit', body: { ...memory, content: 'x'.repeat(1_100_000) }, status: 413, code: 'too_large' },
  { name: 'content of 10,001 characters', body: { ...memory, content: 'ü'.repeat(10_001) }, path: 'content' },
  { name: 'empty content', body: { ...memory, content: '' }, path: 'content' },
  { name: 'NUL in content', body: { ...memory, content: 'a\0b' }, path: 'content' },
  { name: 'a lone surrogate in content', body: '{"content":"\\ud800","type":"fact","scope":"site"}', path: 'content' },
  { name: 'a lone surrogate in a tag', body: '{"content":"a","type":"fact","scope":"site","tags":["\\udc00"]}', path: 'tags.0' },
  { name: 'NUL in a source', body: { ...memory, source: { title: '\0' } }, path: 'source.title' },
  { name: '__proto__ in the body', body: '{"__proto__":{"type":"fact"},"content":"a","scope":"site"}' },
  { name: '__proto__ in the source', body: '{"content":"a","type":"fact","scope":"site","source":{"__proto__":{"title":"x"}}}' },
  { name: '__proto__ as a tag', body: { ...memory, tags: ['__proto__'] }, path: 'tags.0' },
  {
    name: 'constructor.prototype',
    body: '{"content":"a","type":"fact","scope":"site","source":{"constructor":{"prototype":{}}}}',
  },
  { name: 'NaN', body: '{"content":"a","type":"fact","scope":"site","confidence":NaN}', code: 'invalid_json' },
  { name: '1e400', body: '{"content":"a","type":"fact","scope":"site","confidence":1e400}', path: 'confidence' },
  { name: 'confidence above 1', body: { ...memory, confidence: 1.01 }, path: 'confidence' },
  { name: '65 tags', body: { ...memory, tags: Array.from({ length: 65 }, (_, n) => `t${n}`) }, path: 'tags' },
  { name: 'a tag of 65 characters', body: { ...memory, tags: ['x'.repeat(65)] }, path: 'tags.0' },
  { name: 'an unknown type', body: { ...memory, type: 'rumour' }, path: 'type' },
  { name: 'an id that is none', body: { ...memory, id: 'x' }, path: 'id' },
  { name: 'a source with other members', body: { ...memory, source: { colour: 'red' } }, path: 'source.colour' },
  { name: 'a source time that is none', body: { ...memory, source: { timestamp: 'yesterday' } }, path: 'source.timestamp' },
  { name: 'deep nesting', body: nested(100_000), path: '' },
  { name: 'deep nesting in a field', body: `{"content":${nested(50_000)},"type":"fact","scope":"site"}`, path: 'content' },
];

const id = '01234567-89ab-7def-8123-456789abcdef';
const op = creation(id, '1764000000000-0');
const push = (change: Readonly<Record<string, unknown>>) => ({ device: id, firstCounter: 1, base: 0, ops: [op], ...change });
const pushPatch = (operation: unknown) => push({ ops: [{ ...op, patch: [operation] }] });

const badPushes: readonly Bad[] = [
  { name: 'no device', body: push({ device: undefined }), path: 'device' },
  { name: 'a device that is none', body: push({ device: 'phone' }), path: 'device' },
  { name: 'counter 0', body: push({ firstCounter: 0 }), path: 'firstCounter' },
  { name: 'a counter of the past', body: push({ firstCounter: -5 }), path: 'firstCounter' },
  { name: 'a counter in the future', body: push({ firstCounter: 2 ** 53 - 1 }), status: 409, code: 'counter_gap' },
  { name: 'a counter beyond integers', body: push({ firstCounter: 1e300 }), path: 'firstCounter' },
  { name: 'a base ahead of the log', body: push({ base: 9 }), status: 409, code: 'cursor_ahead' },
  { name: 'an op’s own base ahead of the log', body: push({ ops: [{ ...op, base: 9 }] }), status: 409, code: 'cursor_ahead' },
  { name: 'a negative base', body: push({ base: -1 }), path: 'base' },
  { name: 'a memory id that is none', body: push({ ops: [{ ...op, memoryId: 'x' }] }), path: 'ops.0.memoryId' },
  { name: 'an hlc that is none', body: push({ ops: [{ ...op, hlc: 'now' }] }), path: 'ops.0.hlc' },
  { name: 'an hlc beyond its bits', body: push({ ops: [{ ...op, hlc: '999999999999999-0' }] }), path: 'ops.0.hlc' },
  {
    name: 'a patch outside of the registers',
    body: pushPatch({ op: 'add', path: '/seq', value: 1 }),
    path: 'ops.0.patch.0.path',
  },
  { name: 'a patch of __proto__', body: pushPatch({ op: 'add', path: '/__proto__/x', value: 1 }), path: 'ops.0.patch.0.path' },
  {
    name: 'a patch below a register',
    body: pushPatch({ op: 'add', path: '/source/title', value: 'x' }),
    path: 'ops.0.patch.0.path',
  },
  { name: 'a patch with test', body: pushPatch({ op: 'test', path: '/content', value: 'x' }), path: 'ops.0.patch.0.op' },
  { name: '1,001 ops', body: push({ ops: Array.from({ length: 1_001 }, () => ({ ...op, patch: [] })) }), path: 'ops' },
  {
    name: '257 operations',
    body: push({ ops: [{ ...op, patch: Array.from({ length: 257 }, () => ({ op: 'remove', path: '/content' })) }] }),
    path: 'ops.0.patch',
  },
];

describeOnEachEngine('bad input', (open) => {
  const { login } = useServer(open);

  const expectRefused = async (api: Api, method: string, path: string, bad: Bad): Promise<void> => {
    const { status, body, headers } = await api.call(method, path, bad.body);
    const name = `${method} ${path} with ${bad.name}`;
    expect([status, body.code], name).toEqual([bad.status ?? 400, bad.code ?? 'invalid_request']);
    expect(headers.get('content-type'), name).toContain('application/problem+json');
    if (bad.path !== undefined) expect(body.errors?.[0]?.path, name).toBe(bad.path);
  };

  it('[SEC-2] no bad memory is created', async () => {
    const api = await login();
    for (const bad of badMemories) await expectRefused(api, 'POST', '/memories', bad);
    const typed = await api.call('POST', '/memories', 'content: Tea', { 'content-type': 'application/yaml' });
    expect([typed.status, typed.body.code]).toEqual([415, 'unsupported_media_type']);
    expect(await api.head()).toBe(0);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('[SEC-2] no bad update is written', async () => {
    const api = await login();
    const { id: known } = await api.create();
    for (const bad of badMemories.filter(({ name }) => !['missing fields', 'an id that is none'].includes(name))) {
      await expectRefused(api, 'PUT', `/memories/${known}`, bad);
    }
    await expectRefused(api, 'PUT', `/memories/${known}`, { name: 'the id', body: { id: randomUUID() }, path: 'id' });
    for (const path of ['/memories/x', `/memories/${known}0`, '/memories/%00', '/memories/%ff']) {
      expect((await api.call('PUT', path, { content: 'x' })).status, path).toBe(400);
    }
    expect((await api.call('PUT', `/memories/${randomUUID()}`, { content: 'x' })).status).toBe(404);
    expect(await api.head()).toBe(1);
  });

  it('[SEC-2] a number in a query is its digits, not all that a language reads as one', async () => {
    const api = await login();
    for (const text of ['', ' 5', '5 ', '+5', '1e1', '0x10', '5.0', '٥']) {
      for (const [path, name] of [
        ['/memories', 'limit'],
        ['/audit', 'fromSeq'],
        ['/auth/devices', 'limit'],
        ['/memories/sync/snapshot', 'at'],
      ] as const) {
        const { status, body } = await api.get(`${path}?${name}=${encodeURIComponent(text)}`);
        expect([status, body.errors?.[0]?.path], `${path} ${name}=${text}`).toEqual([400, name]);
      }
    }
    for (const text of ['', ' 0.5', '.5', '0x1', '1.5', 'Infinity']) {
      const { status, body } = await api.get(`/memories?minConfidence=${encodeURIComponent(text)}`);
      expect([status, body.errors?.[0]?.path], text).toEqual([400, 'minConfidence']);
    }
    expect((await api.get('/memories?limit=5&minConfidence=5e-1')).status).toBe(200);
  });

  it('[SEC-2] no bad push is written, not in part either', async () => {
    const api = await login();
    for (const bad of badPushes) await expectRefused(api, 'POST', '/memories/sync/push', bad);
    const good = creation(randomUUID(), '1764000000000-0');
    const mixed = await api.call('POST', '/memories/sync/push', push({ ops: [good, { ...good, hlc: 'x' }] }));
    expect(mixed.status).toBe(400);
    expect(await api.head()).toBe(0);
  });

  it('[SEC-2] values out of bounds in a well-formed op use up its counter and change nothing', async () => {
    const api = await login();
    const target = randomUUID();
    await api.push(id, 1, 0, [creation(target, '1764000000000-0')]);
    const values: readonly (readonly [string, unknown])[] = [
      ['/content', 'a\0b'],
      ['/content', '\ud800'],
      ['/content', 'x'.repeat(10_001)],
      ['/content', { deep: [] }],
      ['/confidence', 7],
      ['/confidence', '0.5'],
      ['/type', 'rumour'],
      ['/source', { colour: 'red' }],
      ['/tags/__proto__', true],
      ['/tags/a', 'yes'],
      ['/deleted', 'yes'],
      ['/deleted', null],
    ];
    const { status, body } = await api.push(
      id,
      2,
      1,
      values.map(([path, value]) => edit(target, '1764000000001-0', path, value)),
    );
    expect(status).toBe(200);
    expect(body.events.map((event) => event.code)).toEqual(values.map(() => 'invalid_value'));
    expect((await api.get(`/memories/${target}`)).body).toMatchObject({ content: 'Tea', seq: 1 });
  });
});
