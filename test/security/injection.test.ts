/** Text that would be SQL, and keys that would be prototypes, in every string that a documented route takes. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { DeviceId } from '../../src/core/ids.ts';
import { frameCodes } from '../../src/protocol/binary-codec.ts';
import type { Hello } from '../../src/protocol/frames.ts';
import { pack } from '../../src/protocol/message-pack.ts';
import type { MemoryJson } from '../../src/server/edge/memory-json.ts';
import { type Api, type ServerFixture, useServer } from '../support/api.ts';
import { describeOnEachEngine } from '../support/databases.ts';
import { TestDevice } from '../support/device.ts';
import { declaredOperations, type OpenApiOperation, type SampleRequest, sampleRequests } from '../support/every-route.ts';
import { fillEveryTable, rowsOf } from '../support/private-user.ts';

const hostile = [
  `'; drop table memories cascade; --`,
  `' or '1'='1`,
  `x') ; update memories set content = 'OWNED'; select ('`,
  `\\'; delete from events; --`,
  '$1$$; truncate users cascade; $$',
  `%' union select password_hash from users --`,
  '__proto__',
  'constructor',
  'prototype',
] as const;
const keys = ['__proto__', 'constructor', 'prototype', `x"; drop table users cascade; --`] as const;

interface Attack {
  readonly path: string;
  readonly body?: string;
}

describeOnEachEngine('[SEC-2] injection', (open) => {
  const fixture = useServer(open);

  it('[SEC-1] [SEC-2] through no string of any route does text become a statement or a prototype', async () => {
    const { db } = fixture.server.deps;
    const owner = await fixture.login();
    const owned = await fillEveryTable(owner, fixture.server.deps);
    const samples = sampleRequests({ ...owned, memory: owned.memory.id, conflict: owned.conflictId });
    const before = { rows: await rowsOf(db, owner.user.user.id), schema: await schemaOf(fixture) };
    const operations = await declaredOperations(fixture.server.url);
    const taken = new Set<string>();
    for (const [route, operation] of operations) {
      const sample = samples[route];
      if (sample === undefined) throw new Error(`${route} is not in the walk`);
      let stranger = await fixture.login();
      for (const attack of attacksOn(route, operation, sample)) {
        const status = await ask(fixture, route, attack, sample, stranger);
        expect(status, `${route} ${attack.path} ${attack.body}`).toBeLessThan(500);
        if (status < 300) taken.add(route);
        // It ended its own session, or its account: another goes on.
        if (status === 401 || status === 204) stranger = await fixture.login();
      }
    }
    // Not all was refused at the door: text of users went on to the database.
    expect([...taken]).toEqual(
      expect.arrayContaining([
        'PATCH /api/v1/auth/me',
        'POST /api/v1/auth/api-keys',
        'POST /api/v1/memories',
        'GET /api/v1/memories',
        'POST /api/v1/memories/search',
        'POST /api/v1/memories/ingest',
        'POST /api/v1/memories/import',
        'POST /api/v1/memories/sync/push',
      ]),
    );
    expect(await rowsOf(db, owner.user.user.id)).toEqual(before.rows);
    expect(await schemaOf(fixture)).toEqual(before.schema);
    expectClean();
  }, 300_000);

  it('[SEC-2] text that would be SQL is kept, found, tagged, exported and imported as what it is', async () => {
    const api = await fixture.login();
    for (const content of hostile) {
      const { id } = await api.create({ content, source: { title: content } });
      expect((await api.get(`/memories/${id}`)).body).toMatchObject({ content, source: { title: content } });
    }
    const other = await fixture.login();
    const exported = await api.get<{ memories: readonly unknown[] }>('/memories/export?format=json');
    const { status } = await other.call('POST', '/memories/import', exported.body);
    expect(status).toBe(200);
    const copied = await other.get<{ memories: readonly { content: string }[] }>('/memories?limit=100');
    expect(copied.body.memories.map(({ content }) => content).sort()).toEqual([...hostile].sort());
    expectClean();
  });

  it.each(['text', 'binary'] as const)('[SEC-2] nor through the patches of a %s frame', async (form) => {
    const api = await fixture.login();
    const { id } = await api.create({ content: 'as it was' });
    for (const name of [...keys, ...hostile]) {
      const device = await new TestDevice({ url: fixture.server.url, token: api.user.token, form }).open();
      device.send(helloOf(api, randomUUID()));
      await device.untilFrame('WELCOME');
      const from = device.frames.length;
      device.sendRaw(form === 'text' ? textPush(id, name) : binaryPush(id, name));
      await device.until(() => device.closeCode !== null || device.frames.length > from, 'an answer');
      device.cut();
    }
    const { body } = await api.get<MemoryJson>(`/memories/${id}`);
    expect(body).toMatchObject({ content: 'as it was', type: 'fact' });
    // As a tag a statement is a tag; a key of prototypes is none.
    expect(body.tags).toEqual(expect.arrayContaining(form === 'binary' ? [hostile[0]] : []));
    expect(body.tags).not.toEqual(expect.arrayContaining(['__proto__']));
    expectClean();
  });
});

const hlcMs = 1_764_000_000_000;

const helloOf = ({ user }: Api, device: string): Hello => ({
  ...{ type: 'HELLO', protocol: 1, flags: 0, device: device as DeviceId, epoch: null, cursor: 0, lastCounter: 0 },
  ...{ token: user.token, now: hlcMs },
});

/** An operation on a path of that name, in an op and a frame that have it as a key too. */
function textPush(memoryId: string, name: string): string {
  const polluted = { [name]: { polluted: true } };
  const op = {
    memoryId,
    hlc: `${hlcMs}-0`,
    patch: [{ op: 'add', path: `/${name}/polluted`, value: true, ...polluted }],
    ...polluted,
  };
  return JSON.stringify({ type: 'PUSH', firstCounter: 1, base: 0, ops: [op], ...polluted });
}

/** A tag of that name, whose value is a map with it as its key. */
function binaryPush(memoryId: string, name: string): Uint8Array {
  const bytes = Buffer.from(memoryId.replaceAll('-', ''), 'hex');
  const isKey = (keys as readonly string[]).includes(name);
  return pack([frameCodes.PUSH, 1, 0, hlcMs, [[bytes, 0, 0, [name, isKey ? { [name]: { polluted: true } } : true]]]]);
}

function expectClean(): void {
  const fresh: Record<string, unknown> = {};
  for (const name of ['polluted', 'x', 'content', 'type']) expect(fresh[name], name).toBeUndefined();
  expect(Object.keys(Object.prototype)).toEqual([]);
}

async function schemaOf({ server }: ServerFixture): Promise<unknown> {
  return await server.deps.db.query(
    `select table_name::text, column_name::text from information_schema.columns where table_schema = 'public' order by 1, 2`,
  );
}

/** Each string of the path, the query and the body, by itself, replaced by each hostile text; each object with each hostile key. */
function attacksOn(route: string, { parameters = [] }: Partial<OpenApiOperation>, sample: SampleRequest): readonly Attack[] {
  const { path, body } = sample;
  const [plain = '', query = ''] = path.split('?');
  const inBody = body === undefined ? {} : { body: JSON.stringify(body) };
  const template = (route.split(' ')[1] ?? '').split('/');
  const paths = hostile.flatMap((text) => [
    ...template.flatMap((part, index) => (part.startsWith('{') ? [replacedAt(plain, index, text)] : [])),
    ...parameters
      .filter((parameter) => parameter.in === 'query')
      .map(({ name }) => `${plain}?${withParameter(query, name, text)}`),
  ]);
  const bodies =
    body === undefined ? [] : [...hostile.flatMap((text) => texts(body, text)), ...keys.flatMap((key) => keyed(body, key))];
  return [...paths.map((path) => ({ path, ...inBody })), ...bodies.map((body) => ({ path, body: JSON.stringify(body) }))];
}

const replacedAt = (path: string, index: number, text: string): string =>
  path
    .split('/')
    .map((part, at) => (at === index ? encodeURIComponent(text) : part))
    .join('/');

function withParameter(query: string, name: string, text: string): string {
  const search = new URLSearchParams(query);
  search.set(name, text);
  return search.toString();
}

/** Copies of a value, each with one of its strings replaced. */
function texts(value: unknown, text: string): readonly unknown[] {
  if (typeof value === 'string') return [text];
  return inside(value, (member) => texts(member, text));
}

/** Copies of a value, each with one further member in one of its objects. */
function keyed(value: unknown, key: string): readonly unknown[] {
  const own = isObject(value) ? [{ ...value, [key]: { polluted: true, x: 'OWNED' } }] : [];
  return [...own, ...inside(value, (member) => keyed(member, key))];
}

function inside(value: unknown, vary: (member: unknown) => readonly unknown[]): readonly unknown[] {
  if (Array.isArray(value)) return value.flatMap((item: unknown, at) => vary(item).map((varied) => value.with(at, varied)));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([name, member]) => vary(member).map((varied) => ({ ...value, [name]: varied })));
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

async function ask(fixture: ServerFixture, route: string, attack: Attack, sample: SampleRequest, { user }: Api): Promise<number> {
  const response = await fetch(fixture.server.url + attack.path, {
    method: route.split(' ')[0] ?? '',
    headers: {
      authorization: `Bearer ${user.token}`,
      ...(attack.body !== undefined && { 'content-type': 'application/json' }),
      ...sample.headers,
    },
    ...(attack.body !== undefined && { body: attack.body }),
  });
  await response.arrayBuffer();
  return response.status;
}
