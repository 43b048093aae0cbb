/** The client against a whole server, over real sockets, as an app uses it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { StorageLost } from '../../src/client/store.ts';
import { createVolatileStore } from '../../src/client/volatile-store.ts';
import type { MemoryId } from '../../src/core/ids.ts';
import { type Api, createApi } from '../support/api.ts';
import { until, untilStatus, useClients } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

describe('a client', () => {
  let server: TestServer;
  let api: Api;
  const open = useClients();
  const openOne = () => open({ url: server.url, token: api.user.token });
  const tea = { content: 'Tea', type: 'fact', scope: 'user_global' } as const;

  beforeAll(async () => {
    server = await startTestServer();
  });
  beforeEach(async () => {
    api = createApi(server.url, await server.register());
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  it('[SYN-3] what one device writes another one has, and the server', async () => {
    const [a, b] = [await openOne(), await openOne()];
    const memory = await a.create({ ...tea, tags: ['drinks'], confidence: 0.5, source: { platform: 'chatgpt' } });
    expect(memory).toMatchObject({ isPending: true, content: 'Tea' });
    await a.settled();
    await until(b, () => b.get(memory.id) !== null);
    expect(b.get(memory.id)).toEqual({ ...a.get(memory.id), isPending: false });
    expect((await api.get(`/memories/${memory.id}`)).body).toMatchObject({ content: 'Tea', tags: ['drinks'], confidence: 0.5 });
    expect(a.status).toMatchObject({ state: 'live', outbox: 0, behind: 0, transport: 'socket', isLeader: true, stuck: null });
  });

  it('[SYN-4] what is written over REST arrives', async () => {
    const a = await openOne();
    await a.settled();
    const { id } = await api.create({ content: 'Coffee' });
    await until(a, () => a.get(id as MemoryId) !== null);
    await api.call('PUT', `/memories/${id}`, { content: 'Espresso' });
    await until(a, () => a.get(id as MemoryId)?.content === 'Espresso');
    expect(a.list().map(({ content }) => content)).toEqual(['Espresso']);
  });

  it('[house] searches on the server while it is online, by every filter, and on the device while it is not', async () => {
    const a = await openOne();
    const green = await a.create({
      content: 'Prefers green teas',
      type: 'preference',
      scope: 'site',
      tags: ['x'],
      confidence: 0.9,
      source: { platform: 'claude', conversationId: 'c' },
    });
    await a.create({ content: 'Black tea is for guests', type: 'fact', scope: 'user_global' });
    await a.settled();
    const filter = {
      type: ['preference'],
      scope: 'site',
      tags: ['x'],
      platform: 'claude',
      conversationId: 'c',
      minConfidence: 0.5,
      from: 0,
    } as const;
    const online = await a.search('preferring tea', filter);
    expect(online).toMatchObject({ from: 'server', results: [{ memory: { id: green.id, tags: ['x'] } }] });
    expect((await a.search('tea', { limit: 1 })).results).toHaveLength(1);
    expect(await a.search('tea', { where: 'device', ...filter })).toMatchObject({
      from: 'device',
      results: [{ memory: { id: green.id } }],
    });
    const b = await open({ url: 'http://127.0.0.1:9', token: 'none' });
    await b.create(tea);
    expect(await b.search('tea')).toMatchObject({ from: 'device', results: [{ memory: { content: 'Tea' } }] });
  });

  it('[MRG-4] a local write shows at once, before the server has it', async () => {
    const a = await open({ url: 'http://127.0.0.1:9', token: 'none' });
    const { id } = await a.create(tea);
    await a.update(id, { content: 'Green tea', tags: ['x'] });
    expect(a.get(id)).toMatchObject({ content: 'Green tea', tags: ['x'], isPending: true });
    await a.delete(id);
    expect(a.list()).toEqual([]);
    expect(a.list({ deleted: true })).toHaveLength(1);
    await a.restore(id);
    expect(a.count()).toBe(1);
    expect(a.status).toMatchObject({ online: false, outbox: 4 });
  });

  it('[SEC-2] what the server would reject is refused here, with the field, and nothing waits', async () => {
    const a = await openOne();
    const refused = [
      [{ ...tea, content: '' }, '/content'],
      [{ ...tea, content: 'a\0b' }, '/content'],
      [{ ...tea, content: '\ud800' }, '/content'],
      [{ ...tea, content: 'x'.repeat(10_001) }, '/content'],
      [{ ...tea, type: 'thing' as 'fact' }, '/type'],
      [{ ...tea, confidence: 2 }, '/confidence'],
      [{ ...tea, tags: ['x'.repeat(65)] }, `/tags/${'x'.repeat(65)}`],
      [{ ...tea, tags: Array.from({ length: 65 }, (_, n) => `${n}`) }, '/tags'],
      [{ ...tea, source: { nonsense: 1 } as object }, '/source'],
      [{ ...tea, createdAt: 1.5 }, '/createdAt'],
      [{ ...tea, createdAt: Number.NaN }, '/createdAt'],
      [{ ...tea, createdAt: 8.64e15 + 1 }, '/createdAt'],
      [{ ...tea, id: 'memory 1' as MemoryId }, '/id'],
    ] as const;
    for (const [memory, path] of refused) await expect(a.create(memory)).rejects.toMatchObject({ name: 'InvalidMemory', path });
    await expect(a.update('00000000-0000-7000-8000-000000000001' as MemoryId, { content: 'x' })).rejects.toThrow('no memory');
    expect(a.status.outbox).toBe(0);
    expect(a.list()).toEqual([]);
  });

  it('[MRG-3] [MRG-8] two devices that did not know of each other: a winner, a conflict on both, the loser brought back', async () => {
    const [a, b] = [await openOne(), await openOne()];
    const { id } = await a.create(tea);
    await a.settled();
    await until(b, () => b.get(id) !== null);
    // Both write what they have not seen of each other: one of them by an op whose base is older.
    await api.push('018f0000-0000-7000-8000-0000000000aa', 1, a.get(id)?.seq ?? 0, [
      { memoryId: id, hlc: `${Date.now() - 60_000}-0`, patch: [{ op: 'add', path: '/content', value: 'Mate' }] },
    ]);
    await until(a, () => a.get(id)?.seq === 2);
    await api.push('018f0000-0000-7000-8000-0000000000bb', 1, 1, [
      { memoryId: id, hlc: `${Date.now()}-0`, patch: [{ op: 'add', path: '/content', value: 'Juice' }] },
    ]);
    for (const client of [a, b]) await until(client, () => client.conflicts().length === 1);
    const [conflict] = b.conflicts();
    expect(conflict).toMatchObject({ memoryId: id, register: 'content', winner: { value: 'Juice' }, loser: { value: 'Mate' } });
    if (conflict === undefined) throw new Error('there is one');
    await b.resolve(conflict.id, 'loser');
    expect(b.conflicts()).toEqual([]);
    expect(b.get(id)?.content).toBe('Mate');
    for (const client of [a, b])
      await until(
        client,
        () => client.conflicts().length === 0 && client.get(id)?.content === 'Mate' && client.status.outbox === 0,
      );
    expect((await api.get<{ conflicts: unknown[] }>('/conflicts?status=open')).body.conflicts).toEqual([]);
  });

  it('[LOG-2] an op that the server rejects is kept for its user, and those behind it pass', async () => {
    const a = await openOne();
    const { id } = await a.create(tea);
    await a.settled();
    await api.call('DELETE', `/memories/${id}?erase=true`);
    const b = await openOne();
    await b.settled();
    expect(b.get(id)).toBeNull();
    await until(a, () => a.get(id) === null);
    await a.create({ ...tea, content: 'after' });
    await a.settled();
    expect(a.rejected()).toEqual([]);
  });

  it('[SYN-9] a revoked device parks and says so; logged in again it goes on under another id with what it wrote', async () => {
    let { token } = api.user;
    const a = await open({ url: server.url, token: async () => token, device: api.user.device.id as never });
    await a.settled();
    await api.call('DELETE', `/auth/devices/${api.user.device.id}`);
    expect(await untilStatus(a, ({ state }) => state === 'parked')).toMatchObject({
      stuck: { reason: 'device_revoked', until: null },
    });
    const { id } = await a.create(tea);
    const login = await api.call<{ token: string }>('POST', '/auth/login', {
      email: api.user.email,
      password: api.user.password,
    });
    ({ token } = login.body);
    a.syncNow();
    await a.settled();
    expect(a.device).not.toBe(api.user.device.id);
    const seen = await open({ url: server.url, token });
    await until(seen, () => seen.get(id) !== null);
  });

  it('[SYN-9] nobody logged in: it waits for a token, visibly, and keeps what is written', async () => {
    let token: string | null = null;
    const a = await open({ url: server.url, token: async () => token });
    expect(await untilStatus(a, ({ stuck }) => stuck !== null)).toMatchObject({
      state: 'parked',
      stuck: { reason: 'unauthorized' },
    });
    await a.create(tea);
    ({ token } = api.user);
    a.syncNow();
    await a.settled();
    expect(a.status).toMatchObject({ state: 'live', stuck: null });
  });

  it('[house] a client whose store cannot be read lets go of everything, also when it cannot be thrown away', async () => {
    const kept = createVolatileStore();
    let closed = 0;
    const close = async (): Promise<void> => void closed++;
    const lost = (): Promise<never> => Promise.reject(new StorageLost('not here'));
    const options = { url: server.url, token: api.user.token };
    await expect(open({ ...options, store: { ...kept, load: lost, close } })).rejects.toThrow(StorageLost);
    expect(closed).toBe(1);
    const a = await open({ ...options, store: { ...kept, destroy: lost, close } });
    await expect(a.destroy()).rejects.toThrow(StorageLost);
    expect(closed).toBe(2);
  });

  it('[SYN-6] a row that changed behind its back is found by the hash and mended by a snapshot', async () => {
    const store = createVolatileStore();
    const a = await open({ url: server.url, token: api.user.token, store });
    const { id } = await a.create(tea);
    await a.settled();
    await store.commit('meta', ({ meta }) => ({
      change: { meta: { ...meta, stateHash: { high: 1, low: 1 } } },
      result: null,
    }));
    await api.create({ content: 'another' });
    await untilStatus(a, ({ repairs, state }) => repairs === 1 && state === 'live');
    expect(a.count()).toBe(2);
    expect(a.get(id)?.content).toBe('Tea');
  });
});
