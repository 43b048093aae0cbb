/** A network that blocks WebSockets: the same promises over the HTTP twins. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SocketLike } from '../../src/client/environment.ts';
import { createVolatilePlace } from '../../src/client/volatile-place.ts';
import { createVolatileStore } from '../../src/client/volatile-store.ts';
import type { DeviceId, Epoch, UserId } from '../../src/core/ids.ts';
import { beginEpoch } from '../../src/server/log/begin-epoch.ts';
import { type Api, createApi, type EventList } from '../support/api.ts';
import { nodeEnvironment, shortTiming, until, untilStatus, useClients } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

describe('over HTTP', () => {
  let server: TestServer;
  let api: Api;
  let areSocketsBlocked = true;
  const open = useClients();
  const environment = nodeEnvironment();
  const tea = { content: 'Tea', type: 'fact', scope: 'user_global' } as const;

  beforeAll(async () => {
    server = await startTestServer();
  });
  beforeEach(async () => {
    areSocketsBlocked = true;
    api = createApi(server.url, await server.register());
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  const openOver = (options: object = {}, send: typeof environment.fetch = environment.fetch) => {
    const openSocket = (url: string): SocketLike =>
      environment.openSocket(areSocketsBlocked ? url.replace('/api/v1/sync', '/api/v1/blocked') : url);
    const timing = { ...shortTiming, retrySocketMs: 100_000 };
    return open({
      url: server.url,
      token: api.user.token,
      timing,
      environment: { ...environment, fetch: send, openSocket },
      ...options,
    });
  };

  it('[SYN-3] [SYN-4] two devices hold the same as over a socket, and say how they are connected', async () => {
    const [a, b] = [await openOver(), await openOver()];
    const socket = await open({ url: server.url, token: api.user.token });
    const { id } = await a.create(tea);
    await untilStatus(a, ({ state }) => state === 'live');
    expect(a.status).toMatchObject({ transport: 'http', outbox: 0, behind: 0, online: true });
    for (const client of [b, socket]) await until(client, () => client.get(id) !== null);
    await socket.update(id, { content: 'Green tea' });
    for (const client of [a, b]) await until(client, () => client.get(id)?.content === 'Green tea');
    await b.delete(id);
    for (const client of [a, socket]) await until(client, () => client.get(id)?.deleted === true);
  });

  it('[SYN-3] many ops in one outbox arrive once each, in order', async () => {
    const a = await openOver({ url: server.url });
    const wanted = Array.from({ length: 2_500 }, (_, n) => `memory ${n}`);
    await Promise.all(wanted.map((content) => a.create({ ...tea, content })));
    await a.settled();
    const contents: unknown[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await api.get<EventList>(`/audit?limit=200&order=asc${cursor}`);
      contents.push(...body.events.map(({ patch }) => patch?.find(({ path }) => path === '/content')?.value));
      if (body.nextCursor === null) break;
      cursor = `&cursor=${encodeURIComponent(body.nextCursor)}`;
    }
    expect(contents).toEqual(wanted);
  });

  it('[SYN-13] a copy of the device is told apart, and loses nothing', async () => {
    const place = createVolatilePlace();
    const a = await openOver({ store: createVolatileStore(place) });
    await a.create({ ...tea, content: 'before' });
    await a.settled();
    const copy = createVolatilePlace({ backup: place.snapshot() });
    await a.create({ ...tea, content: 'of the original' });
    await a.settled();
    const b = await openOver({ store: createVolatileStore(copy), url: server.url });
    await b.create({ ...tea, content: 'of the copy' });
    await b.settled();
    await until(a, () => a.count() === 3);
    expect(b.count()).toBe(3);
    expect(b.device).not.toBe(a.device);
  });

  it('[SYN-5] a device that is new takes in a snapshot, and the rest after it', async () => {
    for (let n = 0; n < 12; n++) await api.create({ content: `memory ${n}` });
    const a = await openOver();
    await a.settled();
    expect(a.count()).toBe(12);
    expect(a.status.repairs).toBe(0);
    await api.create({ content: 'after' });
    await until(a, () => a.count() === 13);
  });

  it('[SYN-9] a revoked device parks', async () => {
    const a = await openOver({ device: api.user.device.id as DeviceId });
    await a.settled();
    await api.call('DELETE', `/auth/devices/${api.user.device.id}`);
    expect(await untilStatus(a, ({ state }) => state === 'parked')).toMatchObject({ stuck: { reason: 'device_revoked' } });
  });

  it('[SYN-5] a log that begins a new epoch under it is asked where both part', async () => {
    const hellos: unknown[] = [];
    /** Answers since the last HELLO: its cursor is kept, and none has to be asked for. */
    let quiet = 0;
    const fetchAndNote = async (url: string, init: RequestInit): Promise<Response> => {
      const response = await fetch(url, init);
      quiet = url.includes('/sync/updates') ? quiet + 1 : 0;
      if (url.endsWith('/sync/hello')) hellos.push(await response.clone().json());
      return response;
    };
    const a = await openOver({}, fetchAndNote);
    await api.create({ content: 'of before' });
    await until(a, () => a.count() === 1 && quiet >= 3);
    await beginEpoch(server.deps.db, api.user.user.id as UserId, randomUUID() as Epoch, new Date());
    await untilStatus(a, ({ resets }) => resets > 0);
    await untilStatus(a, ({ state }) => state === 'live');
    expect(hellos).toContainEqual(expect.objectContaining({ type: 'RESET', code: 'epoch_mismatch', shared: 1 }));
    expect(a.count()).toBe(1);
  });

  it('[SEC-16] a server that is busy is left alone for as long as it asks, and a random part more; then what waits goes out', async () => {
    let isBusy = true;
    const asked: string[] = [];
    const busy = async (url: string, init: RequestInit): Promise<Response> => {
      if (!isBusy || !url.endsWith('/sync/push')) return fetch(url, init);
      asked.push(url);
      const problem = JSON.stringify({ code: 'overloaded', detail: 'Too much waits.' });
      return new Response(problem, { status: 503, headers: { 'retry-after': '30' } });
    };
    const now = Date.now();
    const still = { ...environment, now: () => now, random: () => 0.5, fetch: busy };
    const openSocket = (url: string): SocketLike => environment.openSocket(url.replace('/api/v1/sync', '/api/v1/blocked'));
    const a = await openOver({ environment: { ...still, openSocket } });
    await untilStatus(a, ({ state }) => state === 'live');
    await a.create(tea);
    const sentAway = await untilStatus(a, ({ state }) => state === 'waiting');
    expect(sentAway.stuck).toEqual({ reason: 'server_error', detail: 'overloaded: Too much waits.', until: now + 37_500 });
    expect(asked).toHaveLength(1);
    isBusy = false;
    a.syncNow();
    await a.settled();
    expect(await api.head()).toBe(1);
  });

  it('[SYN-10] goes back to a socket when one passes again', async () => {
    const a = await openOver({ timing: { ...shortTiming, retrySocketMs: 200 } });
    await untilStatus(a, ({ transport }) => transport === 'http');
    areSocketsBlocked = false;
    await untilStatus(a, ({ transport }) => transport === 'socket');
    await a.create(tea);
    await a.settled();
  });
});
