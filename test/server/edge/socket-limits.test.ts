/** How many sockets there may be, what each may send, and one that does not read. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { DeviceId } from '../../../src/core/ids.ts';
import { packClientFrame } from '../../../src/protocol/binary-codec.ts';
import type { Hello } from '../../../src/protocol/frames.ts';
import { closeCodes } from '../../../src/sync/server-session.ts';
import { creation, newMemoryId } from '../../support/append.ts';
import { TestDevice } from '../../support/device.ts';
import { readMetric, untilMetric } from '../../support/metrics.ts';
import { openRawSocket } from '../../support/raw-socket.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

/** The answer to an upgrade that is none. */
async function refusedUpgrade(url: string, headers: Readonly<Record<string, string>> = {}): Promise<IncomingMessage> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/sync`, { headers });
  socket.on('error', () => undefined);
  const [, response] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  return response;
}

const refusedBecause = (reason: string): string => `aibrain_refused_total{reason="${reason}"}`;

describe('sockets', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({
      env: {
        RATE_LIMIT: 'on',
        TRUST_PROXY: '127.0.0.1',
        SOCKETS: '4',
        SOCKETS_PER_USER: '2',
        SOCKETS_PER_ADDRESS: '3',
      },
    });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  const closed = (device: TestDevice): Promise<TestDevice> => device.until(() => device.closeCode !== null, 'closed');
  const leave = async (...devices: readonly TestDevice[]): Promise<void> => {
    for (const device of devices) device.socket?.close();
    await untilMetric(server.url, 'aibrain_sync_sockets', (value) => value === 0);
  };

  it('[SEC-3] beyond those of a user one is told and closed, and has its place when another is gone', async () => {
    const user = await server.register();
    const deviceOf = () => new TestDevice({ url: server.url, token: user.token });
    const [one, two] = [await deviceOf().connect(), await deviceOf().connect()];
    await one.untilFrame('WELCOME');
    await two.untilFrame('WELCOME');
    const third = await deviceOf().connect();
    expect(await third.untilFrame('ERROR')).toMatchObject({ code: 'too_many_sockets' });
    await closed(third);
    expect(third.closeCode).toBe(closeCodes.tooMuch);
    one.socket?.close();
    await untilMetric(server.url, 'aibrain_sync_sockets', (value) => value === 1);
    await third.connect();
    await third.untilFrame('WELCOME');
    await leave(two, third);
  });

  it('[SEC-3] beyond those of an address an upgrade is answered 429, beyond all 503, both with Retry-After', async () => {
    const devices = await Promise.all([1, 2, 3].map(() => new TestDevice({ url: server.url, token: '' }).open()));
    const ofAddress = await refusedUpgrade(server.url);
    expect(ofAddress.statusCode).toBe(429);
    expect(ofAddress.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(Number(ofAddress.headers['retry-after'])).toBeGreaterThan(0);
    const fromElsewhere = { 'x-forwarded-for': '192.0.2.1' };
    const other = new WebSocket(`${server.url.replace('http', 'ws')}/api/v1/sync`, { headers: fromElsewhere });
    await once(other, 'open');
    const ofAll = await refusedUpgrade(server.url, fromElsewhere);
    expect(ofAll.statusCode).toBe(503);
    expect(Number(ofAll.headers['retry-after'])).toBeGreaterThan(0);
    expect([
      await readMetric(server.url, refusedBecause('sockets_of_address')),
      await readMetric(server.url, refusedBecause('sockets')),
    ]).toEqual([1, 1]);
    other.close();
    await leave(...devices);
    const again = await new TestDevice({ url: server.url, token: '' }).open();
    await leave(again);
  });

  it('[SEC-3] one that sends frames without end is slowed to its rate, and others of the same user are not', async () => {
    const user = await server.register();
    const flood = await new TestDevice({ url: server.url, token: user.token }).connect();
    await flood.untilFrame('WELCOME');
    const before = flood.frames.length;
    // Twenty bursts: at the rate, more than half a minute.
    for (let i = 0; i < 20_000; i++) flood.send({ type: 'PING' });
    const other = await new TestDevice({ url: server.url, token: user.token }).connect();
    for (let i = 0; i < 5; i++) await other.write(newMemoryId(), creation(`${i}`)).untilCaughtUp();
    const answered = flood.frames.slice(before).filter(({ type }) => type === 'PONG').length;
    expect(answered).toBeLessThan(20_000);
    flood.cut();
    await leave(other);
  });
});

describe('a socket that does not read', () => {
  let server: TestServer;
  let aheadMs = 0;
  beforeAll(async () => {
    server = await startTestServer({ now: () => Date.now() + aheadMs });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  it('[SEC-16] is ended when the network took nothing for it in a minute, and its user goes on', async () => {
    const user = await server.register();
    const silent = await openRawSocket(server.url);
    silent.on('error', () => undefined);
    silent.pause();
    const hello = packClientFrame(helloOf(user.token));
    silent.write(Buffer.concat([Buffer.from([0x82, 0xfe, hello.length >> 8, hello.length & 0xff, 0, 0, 0, 0]), hello]));
    // Each PING is owed a PONG.
    const chunk = Buffer.alloc(64_000, Buffer.from([0x82, 0x82, 0, 0, 0, 0, ...packClientFrame({ type: 'PING' })]));
    let taken = 0;
    const writeNext = (error?: Error | null): void => {
      if (error || taken === 500) return;
      taken++;
      silent.write(chunk, writeNext);
    };
    writeNext();
    const other = await new TestDevice({ url: server.url, token: user.token }).connect();
    // Until the server takes no more: what it owes fills all that lies between.
    for (let same = 0, before = 0; same < 50; ) {
      const from = other.frames.length;
      other.send({ type: 'PING' });
      await other.untilFrame('PONG', from);
      same = taken === before ? same + 1 : 0;
      before = taken;
    }
    expect(await readMetric(server.url, refusedBecause('slow_socket'))).toBe(0);
    aheadMs = 61_000;
    await untilMetric(server.url, refusedBecause('slow_socket'), (value) => value === 1);
    aheadMs = 0;
    silent.destroy();
    // To a clock that leaps it was silent too.
    other.cut();
    await (await other.connect()).write(newMemoryId(), creation('goes on')).untilCaughtUp();
    other.cut();
  });
});

const helloOf = (token: string): Hello => ({
  ...{ type: 'HELLO', protocol: 1, flags: 0, device: randomUUID() as string as DeviceId },
  ...{ epoch: null, cursor: 0, lastCounter: 0, token, now: 0 },
});
