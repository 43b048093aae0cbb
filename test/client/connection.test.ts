/** What the network does to a client, and what it does about it. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client-api.ts';
import { createVolatilePlace } from '../../src/client/volatile-place.ts';
import { createVolatileStore } from '../../src/client/volatile-store.ts';
import { type Api, createApi, type EventList } from '../support/api.ts';
import { nodeEnvironment, shortTiming, until, untilStatus, useClients } from '../support/client.ts';
import { type CuttableProxy, startProxy } from '../support/proxy.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

describe('a connection', () => {
  let server: TestServer;
  let api: Api;
  let proxy: CuttableProxy;
  /** Added to the server's clock, ms. */
  let skewMs = 0;
  const open = useClients();
  const tea = { content: 'Tea', type: 'fact', scope: 'user_global' } as const;

  beforeAll(async () => {
    server = await startTestServer({ now: () => Date.now() + skewMs });
  });
  beforeEach(async () => {
    skewMs = 0;
    api = createApi(server.url, await server.register());
    proxy = await startProxy({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
  });
  afterEach(() => proxy[Symbol.asyncDispose]());
  afterAll(() => server?.[Symbol.asyncDispose]());

  const openThrough = (options: object = {}): Promise<Client> =>
    open({ url: `http://127.0.0.1:${proxy.port}`, token: api.user.token, timing: shortTiming, ...options });

  async function contentsInLog(): Promise<unknown[]> {
    const { events } = (await api.get<EventList>('/audit?limit=500&order=asc')).body;
    return events.map(({ patch }) => patch?.find(({ path }) => path === '/content')?.value);
  }

  it('[SYN-3] [LOG-2] cut in the middle of pushing, again and again: every op is in the log once, in order', async () => {
    const client = await openThrough();
    const wanted = Array.from({ length: 60 }, (_, n) => `memory ${n}`);
    for (const [index, content] of wanted.entries()) {
      await client.create({ ...tea, content });
      if (index % 12 === 5) {
        proxy.goAway();
        proxy.comeBack();
      }
    }
    await client.settled();
    expect(await contentsInLog()).toEqual(wanted);
  });

  it('[SYN-14] a server that goes down says when to come back, and is believed', async () => {
    await using leaving = await startTestServer({ env: { DRAIN_NOTICE_SECONDS: '1' } });
    const user = await leaving.register();
    const environment = { ...nodeEnvironment(), random: () => 0.999 };
    const client = await open({ url: leaving.url, token: user.token, environment });
    await client.settled();
    const waits: (number | null)[] = [];
    client.subscribe(() => {
      const { state, stuck } = client.status;
      if (state === 'waiting' && stuck?.until !== null) waits.push((stuck?.until ?? 0) - Date.now());
    });
    const drained = leaving.deps.draining.begin();
    // Each time it comes it is sent away again: a backoff would have grown beyond what the server asks for.
    await until(client, () => waits.length >= 4);
    await drained;
    for (const ms of waits) expect(ms).toBeLessThanOrEqual(1_000);
    expect(client.status.transport).not.toBe('http');
  });

  it('[SYN-10] a network that swallows everything is found by a ping, told, and left', async () => {
    const client = await openThrough();
    await client.settled();
    proxy.hold();
    const lost = await untilStatus(client, ({ state }) => state === 'waiting');
    expect(lost).toMatchObject({ online: false, stuck: { reason: 'unreachable' } });
    expect(lost.stuck?.until).toBeGreaterThan(0);
    await client.create(tea);
    proxy.letGo();
    await client.settled();
    expect(await contentsInLog()).toEqual(['Tea']);
  });

  it('[SYN-10] a browser that says offline and never anything else is not believed for ever', async () => {
    const environment = { ...nodeEnvironment(), isOnline: () => false };
    const a = await openThrough({ environment, timing: { ...shortTiming, parkMs: 300 } });
    expect(await untilStatus(a, ({ stuck }) => stuck?.reason === 'offline')).toMatchObject({ state: 'offline' });
    await untilStatus(a, ({ state }) => state === 'live');
  });

  it('[SYN-10] with ops that wait and nothing that moves, the watchdog says so and connects again', async () => {
    const client = await openThrough({ timing: { ...shortTiming, pingMs: 60_000, progressMs: 300 } });
    await client.settled();
    proxy.hold();
    await client.create(tea);
    expect(await untilStatus(client, ({ state }) => state === 'waiting')).toMatchObject({
      outbox: 1,
      stuck: { reason: 'no_progress' },
    });
    proxy.letGo();
    await client.settled();
    expect(await contentsInLog()).toEqual(['Tea']);
  });

  it('[SYN-9] an expired token ends the connection, and the next one comes with a fresh token', async () => {
    const reasons: string[] = [];
    let { token, refreshToken } = api.user;
    const getToken = async (reason: string): Promise<string> => {
      reasons.push(reason);
      if (reason === 'start') return token;
      const renewed = await api.call<typeof api.user>('POST', '/auth/refresh', { refreshToken });
      ({ token, refreshToken } = renewed.body);
      return token;
    };
    const client = await openThrough({ token: getToken });
    await client.settled();
    skewMs = 16 * 60_000;
    await untilStatus(client, ({ state }) => state !== 'live');
    await client.settled();
    expect(reasons).toContain('refused');
    await client.create(tea);
    await client.settled();
  });

  it('[SYN-9] a token is renewed on the open connection before it ends', async () => {
    const reasons: string[] = [];
    let { token, refreshToken } = api.user;
    const getToken = async (reason: string): Promise<string> => {
      reasons.push(reason);
      if (reason === 'start') return token;
      const renewed = await api.call<typeof api.user>('POST', '/auth/refresh', { refreshToken });
      ({ token, refreshToken } = renewed.body);
      return token;
    };
    // The token is nearly over when the connection begins, so its renewal is due at once.
    skewMs = 15 * 60_000 - 3_000;
    const client = await openThrough({ token: getToken });
    await until(client, () => reasons.includes('expiring'));
    await client.settled();
    skewMs += 10_000;
    await client.create(tea);
    await client.settled();
    expect(reasons).not.toContain('refused');
    expect(await contentsInLogWith(token)).toEqual(['Tea']);
  });

  async function contentsInLogWith(token: string): Promise<unknown[]> {
    const { body } = await createApi(server.url, { ...api.user, token }).get<EventList>('/audit?limit=500&order=asc');
    return body.events.map(({ patch }) => patch?.find(({ path }) => path === '/content')?.value);
  }

  it('[SYN-5] a device without room takes in nothing, says so, and goes on when there is room', async () => {
    let room: 'ok' | 'full' = 'ok';
    const place = createVolatilePlace({ onWrite: () => room });
    const client = await openThrough({ store: createVolatileStore(place) });
    await client.settled();
    room = 'full';
    await expect(client.create(tea)).rejects.toMatchObject({ name: 'StorageFull' });
    expect(client.list()).toEqual([]);
    const { id } = await api.create({ content: 'from elsewhere' });
    expect(await untilStatus(client, ({ stuck }) => stuck !== null)).toMatchObject({ stuck: { reason: 'storage_full' } });
    room = 'ok';
    client.syncNow();
    await until(client, () => client.get(id as never) !== null);
    await client.create(tea);
    await client.settled();
    expect(await contentsInLog()).toEqual(['from elsewhere', 'Tea']);
  });
});
