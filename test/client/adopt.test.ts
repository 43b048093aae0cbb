import { describe, expect, it } from 'vitest';
import { adoptRecords } from '../../src/client/adopt.ts';
import { toDraft } from '../../src/client/adopt-record.ts';
import { openAdoptionSource } from '../../src/client/adopt-source.ts';
import type { AdoptionProgress, AdoptOptions } from '../../src/client/client-api.ts';
import { createLocalReplica, type LocalReplica } from '../../src/client/local-replica.ts';
import type { ClientStore } from '../../src/client/store.ts';
import { createVolatilePlace } from '../../src/client/volatile-place.ts';
import { createVolatileStore } from '../../src/client/volatile-store.ts';
import { adoptedIdNamespace } from '../../src/core/adopted-id.ts';
import type { DeviceId, MemoryId } from '../../src/core/ids.ts';
import type { Memory } from '../../src/core/memory.ts';
import { newReplicaMeta, type OutboxOp } from '../../src/sync/replica-change.ts';
import { useClients } from '../support/client.ts';
import { contentOf, createSource, databaseNames, installFakeBrowser, openDatabase } from '../support/fake-browser.ts';

const browser = installFakeBrowser();
const openClient = useClients();
const nowMs = 1_764_000_000_000;
let sources = 0;

const full = {
  id: '0190B5A8-7D3F-7C1E-8E5A-000000000001',
  userId: 'u1',
  content: 'prefers tea',
  type: 'preference',
  scope: 'site',
  source: {
    url: 'https://chatgpt.com/c/1',
    platform: 'chatgpt',
    timestamp: 1_700_000_000_000,
    pageTitle: 'Tea',
    conversationId: 'c1',
  },
  createdAt: 1_700_000_000_000,
  updatedAt: 1_700_000_100_000,
  confidence: 0.8,
  tags: ['drinks', 'morning'],
  embedding: [0.1, 0.2],
};

describe('a record as an op', () => {
  it('[house] carries everything but the embedding, at the time of its last change', () => {
    expect(toDraft(full, '1', nowMs)).toEqual({
      ok: true,
      value: {
        draft: {
          memoryId: '0190b5a8-7d3f-7c1e-8e5a-000000000001',
          hlc: { ms: 1_700_000_100_000, count: 0 },
          change: {
            createdAt: 1_700_000_000_000,
            writes: [
              { register: 'content', value: 'prefers tea' },
              { register: 'type', value: 'preference' },
              { register: 'scope', value: 'site' },
              { register: 'confidence', value: 0.8 },
              {
                register: 'source',
                value: {
                  url: 'https://chatgpt.com/c/1',
                  platform: 'chatgpt',
                  timestamp: '2023-11-14T22:13:20.000Z',
                  title: 'Tea',
                  conversationId: 'c1',
                },
              },
              { register: 'tags/drinks', value: true },
              { register: 'tags/morning', value: true },
            ],
          },
        },
        leftOut: [],
      },
    });
  });

  it.each([
    ['no object', 'text', 'is no record'],
    ['a list', [full], 'is no record'],
    ['content that is missing', { ...full, content: undefined }, 'content must be text'],
    ['empty content', { ...full, content: '' }, 'content must not be empty'],
    ['content that is too long', { ...full, content: 'x'.repeat(10_001) }, 'content must have at most 10000 characters'],
    ['NUL', { ...full, content: 'a\0b' }, 'content must not contain NUL or lone surrogates'],
    ['a lone surrogate', { ...full, content: 'a\ud800b' }, 'content must not contain NUL or lone surrogates'],
  ])('[house] %s is refused, never cut', (_what, record, reason) => {
    expect(toDraft(record, '1', nowMs)).toEqual({ ok: false, error: reason });
  });

  it.each([
    ['an unknown type', { type: 'memo' }, 'type', 'fact'],
    ['a missing type', { type: undefined }, 'type', 'fact'],
    ['an unknown scope', { scope: 'team' }, 'scope', 'user_global'],
    ['confidence above 1', { confidence: 80 }, 'confidence', undefined],
    ['confidence that is text', { confidence: '0.8' }, 'confidence', undefined],
    ['confidence that is no number', { confidence: Number.NaN }, 'confidence', undefined],
    ['no confidence', { confidence: null }, 'confidence', undefined],
    ['no source', { source: null }, 'source', undefined],
    ['a source of nothing', { source: { url: '', platform: undefined } }, 'source', undefined],
    [
      'a time of the source that is none',
      { source: { url: 'https://a.b', timestamp: 'soon' } },
      'source',
      { url: 'https://a.b' },
    ],
    [
      'a Date as the time of the source',
      { source: { timestamp: new Date(0) } },
      'source',
      { timestamp: '1970-01-01T00:00:00.000Z' },
    ],
  ])('[house] %s', (_what, fields, register, value) => {
    expect(valuesOf({ ...full, ...fields })[register]).toEqual(value);
  });

  it.each([
    ['the source is text', { source: 'https://a.b' }, ['source must be an object']],
    [
      'a part of the source is too long',
      { source: { url: `https://a.b/${'x'.repeat(3_000)}`, pageTitle: 'T' } },
      ['source url: must have at most 2048 characters'],
    ],
    ['the title is no text', { source: { pageTitle: 5 } }, ['source pageTitle: must be text']],
    ['tags are text', { tags: 'a, b' }, ['tags must be a list']],
    ['some tags are none', { tags: ['a', '', 5, 'x'.repeat(65), '__proto__', 'a'] }, ['4 of 5 tags']],
    ['there are too many tags', { tags: Array.from({ length: 70 }, (_, n) => `t${n}`) }, ['6 of 70 tags']],
  ])('[house] what is left out is told: %s', (_what, fields, leftOut) => {
    expect(toDraft({ ...full, ...fields }, '1', nowMs)).toMatchObject({ ok: true, value: { leftOut } });
  });

  it.each([
    ['are taken', 5, 5],
    ['may be Dates', new Date(5), 5],
    ['lose their fractions', 5.9, 5],
    ['that are text are now', '2020-01-01', nowMs],
    ['before 1970 are now', -1, nowMs],
    ['that no Date can hold are now', 9e15, nowMs],
    ['that are missing are now', undefined, nowMs],
  ])('[house] times %s', (_what, time, ms) => {
    const draft = draftOf({ ...full, createdAt: time, updatedAt: time });
    expect([draft.change.createdAt, draft.hlc?.ms]).toEqual([ms, ms]);
  });

  it('[MRG-6] a change in the future is stamped now', () => {
    expect(draftOf({ ...full, updatedAt: nowMs + 5 }).hlc).toEqual({ ms: nowMs, count: 0 });
  });

  it('[house] an id that is no UUID becomes one, the same every time, by id and creation time', () => {
    const idOf = (id: unknown, createdAt: unknown = 5, key = 'k') => draftOf({ ...full, id, createdAt }, key).memoryId;
    expect(idOf('mem_1')).toBe(idOf('mem_1'));
    const ids = [idOf('mem_1'), idOf('mem_1', 6), idOf('mem_2'), idOf(1), idOf('1'), idOf(undefined), idOf(undefined, 5, 'l')];
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(idOf('mem_1')).toBe('d764b05e-1b73-5b1a-bd9a-5569af06d844');
    expect(idOf('00000000-0000-0000-0000-000000000000')).not.toBe('00000000-0000-0000-0000-000000000000');
    expect([idOf(10n), idOf({}), idOf('\ud800')]).toHaveLength(3);
    expect(adoptedIdNamespace).toBe('6f3c8a0e-52d1-4c0b-9b7e-2a4d1f8e6c35');
  });
});

describe('adopting a database', () => {
  it('[house] every record becomes one op, in the order of the keys, in steps of 500', async () => {
    const { device, options } = await newSource(1_203);
    const seen: number[] = [];
    const progress = await device.adopt({ ...options, onProgress: ({ read }) => seen.push(read) });
    expect(progress).toEqual({ read: 1_203, adopted: 1_203, skipped: [] });
    expect(seen).toEqual([500, 1_000, 1_203]);
    expect(contentsOf(await device.outbox())).toEqual(expectedContents(1_203));
    expect((await device.outbox()).map(({ counter }) => counter)).toEqual(Array.from({ length: 1_203 }, (_, n) => n + 1));
  });

  it('[house] a second time it adopts nothing, in the same run and after a start', async () => {
    const { device, options } = await newSource(500);
    await device.adopt(options);
    expect(await device.adopt(options)).toEqual({ read: 0, adopted: 0, skipped: [] });
    expect(await (await device.restart()).adopt(options)).toEqual({ read: 0, adopted: 0, skipped: [] });
    expect(await device.outbox()).toHaveLength(500);
  });

  const boundaries = [0, 1, 2, 3];
  it.each(boundaries)('[house] interrupted after step %i, it goes on where it stopped', async (steps) => {
    const { device, options } = await newSource(1_700);
    await expect(device.dyingAfter(steps).adopt(options)).rejects.toThrow('died');
    expect(await device.outbox()).toHaveLength(Math.min(steps * 500, 1_700));
    expect(await (await device.restart()).adopt(options)).toMatchObject({ adopted: 1_700 - steps * 500 });
    expect(contentsOf(await device.outbox())).toEqual(expectedContents(1_700));
  });

  it.each(boundaries)(
    '[house] interrupted after step %i was kept and before anybody knew, it goes on where it stopped',
    async (steps) => {
      const { device, options } = await newSource(1_700);
      await expect(device.dyingAfter(steps, 'kept').adopt(options)).rejects.toThrow('died');
      expect(await device.outbox()).toHaveLength(Math.min((steps + 1) * 500, 1_700));
      await (await device.restart()).adopt(options);
      expect(contentsOf(await device.outbox())).toEqual(expectedContents(1_700));
    },
  );

  it('[house] interrupted by its signal, it keeps what it has and goes on later', async () => {
    const { device, options } = await newSource(1_200);
    const stop = new AbortController();
    const attempt = device.adopt({ ...options, signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) });
    await expect(attempt).rejects.toThrow('enough');
    expect(await device.outbox()).toHaveLength(500);
    await device.adopt(options);
    expect(contentsOf(await device.outbox())).toEqual(expectedContents(1_200));
  });

  it('[house] interrupted by the browser that closes the source, it goes on later', async () => {
    const { device, options } = await newSource(1_200);
    const attempt = device.adopt({ ...options, onProgress: () => browser.closeConnections() });
    await expect(attempt).rejects.toThrow();
    await device.adopt(options);
    expect(contentsOf(await device.outbox())).toEqual(expectedContents(1_200));
  });

  it('[house] a disk that is full takes no part of a step, and the rest is adopted later', async () => {
    let isFull = false;
    const { device, options } = await newSource(1_200, () => (isFull ? 'full' : 'ok'));
    const fill = () => {
      isFull = true;
    };
    await expect(device.adopt({ ...options, onProgress: fill })).rejects.toMatchObject({ name: 'StorageFull' });
    isFull = false;
    expect(await device.outbox()).toHaveLength(500);
    await device.adopt(options);
    expect(contentsOf(await device.outbox())).toEqual(expectedContents(1_200));
  });

  it.each([false, true])('[house] two tabs at once adopt each record once (they hear of each other: %s)', async (hear) => {
    const { device, options } = await newSource(2_300);
    const tabs = [device, await device.restart()];
    if (hear) for (const [index, tab] of tabs.entries()) tab.onCommit((change) => void tabs[1 - index]?.receive(change));
    const progress = await Promise.all(tabs.map((tab) => tab.adopt(options)));
    expect(progress.reduce((sum, { adopted }) => sum + adopted, 0)).toBe(2_300);
    expect(contentsOf(await device.outbox())).toEqual(expectedContents(2_300));
  });

  it('[house] what cannot be a memory is told with key and reason, and the good ones go on', async () => {
    const records = [full, { ...full, id: 'b', content: '' }, { ...full, id: 'c', tags: [''] }, 'text', { ...full, id: 'e' }];
    const { device, options } = await sourceOf(
      records.map((value, index) => ({ value, key: `key ${index}` })),
      {},
    );
    expect(await device.adopt(options)).toEqual({
      read: 5,
      adopted: 3,
      skipped: [
        { key: 'key 1', reason: 'content must not be empty' },
        { key: 'key 2', reason: 'adopted without 1 of 1 tags' },
        { key: 'key 3', reason: 'is no record' },
      ],
    });
    expect(await device.outbox()).toHaveLength(3);
  });

  it('[house] of one user only, where it is asked for', async () => {
    const values = Array.from({ length: 700 }, (_, n) => ({ ...recordOf(n), userId: n % 2 ? 'u1' : 'u2' }));
    const { device, options } = await sourceOf(
      values.map((value) => ({ value })),
      { keyPath: 'id' },
    );
    expect(await device.adopt({ ...options, userId: 'u2' })).toEqual({ read: 700, adopted: 350, skipped: [] });
    expect(await device.adopt({ ...options, userId: 'u1' })).toEqual({ read: 700, adopted: 350, skipped: [] });
    expect(await device.outbox()).toHaveLength(700);
  });

  it('[house] keys of every kind come in their order, and each can be gone on after', async () => {
    const bytes = new Uint8Array([1, 0, 2]);
    const keys = [Number.NEGATIVE_INFINITY, -5, 0.5, new Date(1), '', 'a', 'ü\ud800', bytes, [], [1, ['x', new Date(3), bytes]]];
    const database = `source ${++sources}`;
    await createSource(database, 'memories', {}, keys.map((key, value) => ({ key, value })).reverse());
    const source = await openAdoptionSource(database, 'memories');
    const values: unknown[] = [];
    const readAfter = async (after: string | null) => (await source?.read(after, 1))?.[0];
    for (let record = await readAfter(null); record !== undefined; record = await readAfter(record.key))
      values.push(record.value);
    source?.close();
    expect(values).toEqual(keys.map((_, index) => index));
  });

  it('[house] a memory that is here already stays as it is, whether the server has it or it waits', async () => {
    const { device, options } = await newSource(3);
    const [first, second, third] = [0, 1, 2].map((n) => recordOf(n).id as MemoryId);
    await device.put({ ...exampleRow, id: first as MemoryId });
    await device.write({ memoryId: second as MemoryId, content: 'edited here' });
    const progress = await device.adopt(options);
    expect(progress).toMatchObject({ read: 3, adopted: 1 });
    expect(progress.skipped.map(({ reason }) => reason)).toEqual(Array(2).fill('a memory with this id is here already'));
    expect((await device.outbox()).map(({ memoryId }) => memoryId)).toEqual([second, third]);
  });

  it('[house] a source that is not there is not created, and may come later', async () => {
    const device = await newDevice();
    const absent = { database: `absent ${++sources}` };
    expect(await device.adopt(absent)).toEqual({ read: 0, adopted: 0, skipped: [] });
    expect(await databaseNames()).not.toContain(absent.database);
    await createSource(absent.database, 'other', {}, []);
    expect(await device.adopt(absent)).toEqual({ read: 0, adopted: 0, skipped: [] });
    const present = { database: `absent ${++sources}` };
    await device.adopt(present);
    await createSource(present.database, 'memories', { keyPath: 'id' }, [{ value: recordOf(0) }]);
    expect(await device.adopt(present)).toMatchObject({ adopted: 1 });
  });

  it('[house] the source stays as it was', async () => {
    const { device, options } = await newSource(600);
    const before = await contentOf(options.database, options.store);
    await device.adopt(options);
    expect(await contentOf(options.database, options.store)).toEqual(before);
    expect(before).toMatchObject({ version: 3 });
  });

  it('[house] its own program can go on to another version meanwhile; the rest is adopted later', async () => {
    const { device, options } = await newSource(1_200);
    const upgrades: Promise<void>[] = [];
    const attempt = device.adopt({
      ...options,
      onProgress: () => upgrades.push(openDatabase(options.database, 4).then((db) => db.close())),
    });
    await expect(attempt).rejects.toThrow();
    await Promise.all(upgrades);
    await device.adopt(options);
    expect(contentsOf(await device.outbox())).toEqual(expectedContents(1_200));
  });

  it('[house] a client that was never online adopts, and shows what it adopted', async () => {
    const { options } = await newSource(3);
    const client = await openClient({ url: 'http://127.0.0.1:9', token: async () => null });
    await client.adopt(options);
    expect(
      client
        .list()
        .toReversed()
        .map(({ content, createdAt, isPending }) => [content, createdAt, isPending]),
    ).toEqual(expectedContents(3).map((content) => [content, full.createdAt, true]));
    expect(client.status.outbox).toBe(3);
  });

  it('[house] an empty source is done', async () => {
    const { device, options } = await newSource(0);
    expect(await device.adopt(options)).toEqual({ read: 0, adopted: 0, skipped: [] });
    expect(device.replica.mirror.meta.adopted).toEqual({ [`${options.database}/memories`]: { after: null, done: true } });
  });
});

interface Device {
  readonly replica: LocalReplica;
  adopt(options: AdoptOptions & { readonly signal?: AbortSignal }): Promise<AdoptionProgress>;
  outbox(): Promise<readonly OutboxOp[]>;
  /** The same device after a start, or in another tab. */
  restart(): Promise<Device>;
  /** As it is until so many steps were made; then it dies, before the next one or, `kept`, just after it. */
  dyingAfter(steps: number, when?: 'kept'): Pick<Device, 'adopt'>;
  onCommit(listener: (change: Parameters<LocalReplica['receive']>[0]) => void): void;
  receive: LocalReplica['receive'];
  put(row: Memory): Promise<void>;
  write(draft: { readonly memoryId: MemoryId; readonly content: string }): Promise<void>;
}

async function newDevice(onWrite: () => 'ok' | 'full' = () => 'ok', place = createVolatilePlace({ onWrite })): Promise<Device> {
  const store = createVolatileStore(place);
  let onCommit: Parameters<Device['onCommit']>[0] = () => {};
  const replica = await replicaOn(store, (change) => onCommit(change));
  const adoptInto = (into: LocalReplica, options: AdoptOptions) =>
    adoptRecords({ replica: into, now: () => nowMs, onWritten: () => {} }, options);
  return {
    replica,
    receive: (change) => replica.receive(change),
    adopt: (options) => adoptInto(replica, options),
    outbox: async () => (await createVolatileStore(place).load(create)).outbox,
    restart: () => newDevice(onWrite, place),
    dyingAfter: (steps, when) => ({
      adopt: async (options) => adoptInto(await replicaOn(dying(createVolatileStore(place), steps, when), () => {}), options),
    }),
    onCommit(listener) {
      onCommit = listener;
    },
    async put(row) {
      await store.commit('meta', ({ meta }) => ({ change: { meta, rows: [row] }, result: null }));
      await replica.reload();
    },
    async write({ memoryId, content }) {
      await replica.perform({
        kind: 'write',
        drafts: [{ memoryId, change: { writes: [{ register: 'content', value: content }] } }],
      });
    },
  };
}

function replicaOn(store: ClientStore, tell: (change: Parameters<LocalReplica['receive']>[0]) => void): Promise<LocalReplica> {
  return createLocalReplica({ store, now: () => nowMs, create, tell, onTouched: () => {} });
}

function dying(store: ClientStore, steps: number, when?: 'kept'): ClientStore {
  let left = steps;
  return {
    ...store,
    async commit(needs, plan) {
      const isLast = left-- === 0;
      if (isLast && when !== 'kept') throw new Error('died');
      const committed = await store.commit(needs, plan);
      if (isLast) throw new Error('died');
      return committed;
    },
  };
}

async function newSource(count: number, onWrite?: () => 'ok' | 'full') {
  return await sourceOf(
    Array.from({ length: count }, (_, index) => ({ value: recordOf(index) })),
    { keyPath: 'id' },
    onWrite,
  );
}

async function sourceOf(
  records: Parameters<typeof createSource>[3],
  storeOptions: Parameters<typeof createSource>[2],
  onWrite?: () => 'ok' | 'full',
) {
  const options = { database: `source ${++sources}`, store: 'memories' };
  await createSource(options.database, options.store, storeOptions, records);
  return { device: await newDevice(onWrite), options };
}

const create = () => newReplicaMeta('0190b5a8-7d3f-7c1e-9e5a-000000000000' as DeviceId);
const hexOf = (value: number): string => value.toString(16).padStart(12, '0');
const recordOf = (index: number) => ({ ...full, id: `0190b5a8-7d3f-7c1e-8e5a-${hexOf(index)}`, content: `content ${index}` });
const expectedContents = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => `content ${index}`);

const contentsOf = (outbox: readonly OutboxOp[]): readonly unknown[] =>
  outbox.map(({ change }) => change.writes.find(({ register }) => register === 'content')?.value);

const exampleRow = {
  seq: 1,
  content: 'edited elsewhere',
  type: 'fact',
  scope: 'user_global',
  confidence: null,
  source: null,
  tags: [],
  deleted: false,
  erased: false,
  createdAt: 1,
  updatedAt: 1,
} as const;

function draftOf(record: unknown, key = '1') {
  const result = toDraft(record, key, nowMs);
  if (!result.ok) throw new Error(result.error);
  return result.value.draft;
}

function valuesOf(record: unknown): Readonly<Record<string, unknown>> {
  return Object.fromEntries(draftOf(record).change.writes.map(({ register, value }) => [register, value]));
}
