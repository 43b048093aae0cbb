/** Connections that are slow on purpose: they end, and nobody else notices. */
import { randomUUID } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpLimits } from '../../../src/server/edge/http-limits.ts';
import { createApi } from '../../support/api.ts';
import { send } from '../../support/http.ts';
import { readMetric, untilMetric } from '../../support/metrics.ts';
import { startTestServer, type TestServer, type TestUser } from '../../support/server.ts';

let server: TestServer;
let user: TestUser;
beforeAll(async () => {
  server = await startTestServer({
    env: { RATE_LIMIT: 'on', CONNECTIONS_PER_ADDRESS: '200', SLOW_CLIENT_SECONDS: '2' },
  });
  user = await server.register();
});
afterAll(() => server?.[Symbol.asyncDispose]());

const refusedBecause = (reason: string): string => `aibrain_refused_total{reason="${reason}"}`;

/** @param localAddress one of 127.0.0.0/8, as another machine would have another. */
function open(localAddress = '127.0.0.1'): Socket {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(server.url).port), localAddress });
  socket.on('error', () => undefined);
  return socket;
}

const postHead = (length: number): string =>
  [
    'POST /api/v1/memories HTTP/1.1',
    'host: x',
    `authorization: Bearer ${user.token}`,
    'content-type: application/json',
    `content-length: ${length}`,
    '',
    '',
  ].join('\r\n');

/** `events.once` would reject at the reset that comes before. */
const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

async function readAll(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await closed(socket);
  return text;
}

describe('slow peers', () => {
  it('[SEC-16] a thousand connections whose headers never end hold two hundred places for seconds, and nobody out', async () => {
    const sockets = Array.from({ length: 1_000 }, () => open('127.0.0.2'));
    const ends = sockets.map((socket) => closed(socket.resume()));
    for (const socket of sockets) socket.write('GET /health HTTP/1.1\r\nhost: x\r\n');
    await untilMetric(server.url, refusedBecause('connections'), (value) => value === 800);
    const api = createApi(server.url, user);
    for (let i = 0; i < 20; i++) expect((await api.get('/memories')).status).toBe(200);
    // The rest ends by itself: its headers did not come in time.
    await Promise.all(ends);
    // The places are free once the server has seen the ends too.
    const ask = () => readAll(open('127.0.0.2').end('GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
    let again = await ask();
    while (again === '') again = await ask();
    expect(again).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('[SEC-16] headers and bodies that do not come are answered 408', async () => {
    const header = open();
    header.write('GET /health HTTP/1.1\r\n');
    const body = open();
    body.write(`${postHead(100)}{`);
    const [forHeader, forBody] = await Promise.all([readAll(header), readAll(body)]);
    for (const text of [forHeader, forBody]) {
      expect(text).toMatch(/^HTTP\/1\.1 408 /);
      expect(text).toContain('"code":"request_timeout"');
    }
    expect(await readMetric(server.url, refusedBecause('slow_body'))).toBe(1);
  });

  it('[SEC-16] a body that brings a little every moment ends too, and one that moves does not', async () => {
    const drip = open();
    const dripping = readAll(drip);
    drip.write(postHead(100_000));
    const dripper = setInterval(() => drip.write(' '), 50);
    const moving = open();
    const moved = readAll(moving);
    const json = JSON.stringify({ content: 'came slowly', type: 'fact', scope: 'user_global' });
    const piece = httpLimits.minBodyBytes / 4;
    const pieces = 80;
    moving.write(postHead(json.length + pieces * piece).replace('host: x', 'host: x\r\nconnection: close'));
    let sent = 0;
    const mover = setInterval(() => {
      if (sent++ < pieces) moving.write(' '.repeat(piece));
      else {
        clearInterval(mover);
        moving.write(json);
      }
    }, 50);
    try {
      expect(await dripping).toMatch(/^HTTP\/1\.1 408 /);
      expect(await moved).toMatch(/^HTTP\/1\.1 201 /);
    } finally {
      clearInterval(dripper);
      clearInterval(mover);
    }
  });

  it('[SEC-16] a body that nobody reads is watched as well', async () => {
    const socket = open();
    socket.write('POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{');
    expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 4\d\d /);
  });

  it('[SEC-16] an export that nobody reads is ended, and its turn is free again', async () => {
    const record = () => JSON.stringify({ id: randomUUID(), content: 'x'.repeat(9_900), type: 'fact', scope: 'user_global' });
    const lines = Array.from({ length: 500 }, record).join('\n');
    const imported = await send('POST', `${server.url}/api/v1/memories/import`, {
      token: user.token,
      body: lines,
      headers: { 'content-type': 'application/x-ndjson' },
    });
    expect(imported).toMatchObject({ status: 200, body: { imported: 500 } });
    const socket = open();
    socket.pause();
    socket.write(`GET /api/v1/memories/export HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${user.token}\r\n\r\n`);
    await untilMetric(server.url, 'aibrain_requests_in_flight{work="export"}', (value) => value === 1);
    await untilMetric(server.url, refusedBecause('slow_reader'), (value) => value === 1);
    await untilMetric(server.url, 'aibrain_requests_in_flight{work="export"}', (value) => value === 0);
    socket.destroy();
    const whole = await fetch(`${server.url}/api/v1/memories/export`, { headers: { authorization: `Bearer ${user.token}` } });
    expect((await whole.text()).split('\n').length).toBeGreaterThan(500);
  });
});
