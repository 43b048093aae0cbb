import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createApi } from '../../support/api.ts';
import { creation, newMemoryId } from '../../support/append.ts';
import { TestDevice } from '../../support/device.ts';
import { send } from '../../support/http.ts';
import { startTestServer } from '../../support/server.ts';

describe('a server that is closed', () => {
  it('[house] does not wait for connections that never asked for anything', async () => {
    const server = await startTestServer();
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    await once(socket, 'connect');
    const ended = once(socket, 'close');
    // The server has accepted it: what comes after it on another connection is answered.
    expect((await fetch(`${server.url}/health`)).status).toBe(200);
    await server[Symbol.asyncDispose]();
    await ended;
  });
});

/** Close code and reason of a device's socket. */
async function endOf(device: TestDevice): Promise<readonly [number, string]> {
  if (device.socket === null) throw new Error('not connected');
  const [code, reason] = (await once(device.socket, 'close')) as [number, Buffer];
  return [code, reason.toString()];
}

describe('a server that drains', () => {
  it('[SYN-14] /ready says so first; requests are served on, each on its last connection', async () => {
    await using server = await startTestServer({ env: { DRAIN_NOTICE_SECONDS: '1' } });
    const api = createApi(server.url, await server.register());
    expect((await api.get('/memories')).headers.get('connection')).toBe('keep-alive');
    const drained = server.deps.draining.begin();
    const ready = await send('GET', `${server.url}/ready?degraded=ok`);
    expect(ready).toMatchObject({ status: 503, body: { errors: [{ path: 'draining' }] } });
    const memory = await api.create();
    const answer = await api.get(`/memories/${memory.id}`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('connection')).toBe('close');
    await drained;
  });

  it('[SYN-14] what was pushed is acknowledged before the socket closes, which says when to come back', async () => {
    await using server = await startTestServer();
    const user = await server.register();
    const device = await new TestDevice({ url: server.url, token: user.token }).connect();
    await device.untilFrame('WELCOME');
    const idle = await new TestDevice({ url: server.url, token: user.token }).connect();
    await idle.untilFrame('WELCOME');
    const ends = Promise.all([endOf(device), endOf(idle)]);
    for (let i = 0; i < 20; i++) device.write(newMemoryId(), creation(`${i}`));
    // The first is being appended: the server has read at least that much.
    await device.until(() => device.replica.cursor > 0, 'an acknowledgement');
    await server.deps.draining.begin();
    for (const [code, reason] of await ends) {
      expect(code).toBe(1001);
      expect(reason).toMatch(/retry-after-ms=\d{1,4}$/);
    }
    // Whatever the log holds the device knows of.
    const { head } = (await createApi(server.url, user).get<{ head: number }>('/memories/sync/updates')).body;
    expect(device.replica.cursor).toBe(head);
    expect(idle.replica.cursor).toBe(head);
  });

  it('[SYN-14] a socket that comes meanwhile is sent away in the same way', async () => {
    await using server = await startTestServer({ env: { DRAIN_NOTICE_SECONDS: '1' } });
    const user = await server.register();
    const drained = server.deps.draining.begin();
    const device = await new TestDevice({ url: server.url, token: user.token }).open();
    expect(await endOf(device)).toEqual([1001, expect.stringMatching(/retry-after-ms=\d+$/)]);
    await drained;
  });

  it('[SYN-14] sockets are closed one after the other, and come back at different moments', async () => {
    await using server = await startTestServer();
    const user = await server.register();
    const devices: TestDevice[] = [];
    for (let i = 0; i < 20; i++) {
      const device = await new TestDevice({ url: server.url, token: user.token }).connect();
      await device.untilFrame('WELCOME');
      devices.push(device);
    }
    const ends = Promise.all(devices.map(endOf));
    await server.deps.draining.begin();
    const waits = (await ends).map(([, reason]) => /\d+$/.exec(reason)?.[0]);
    expect(new Set(waits).size).toBeGreaterThan(10);
  });
});
