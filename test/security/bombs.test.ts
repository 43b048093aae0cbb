/** Small requests that claim or unpack to something huge: refused with a typed error, and the process holds no more for it. */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import yazl from 'yazl';
import type { DeviceId } from '../../src/core/ids.ts';
import { frameCodes } from '../../src/protocol/binary-codec.ts';
import { concatBytes, pack } from '../../src/protocol/message-pack.ts';
import { createApi } from '../support/api.ts';
import { TestDevice } from '../support/device.ts';
import { send } from '../support/http.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';

let server: TestServer;
let user: TestUser;
beforeAll(async () => {
  server = await startTestServer();
  user = await server.register();
});
afterAll(() => server?.[Symbol.asyncDispose]());

/** Far above what the requests of a test need, far below what each bomb unpacks or lays claim to. */
const grownBytes = 256 * 1_048_576;
const bombBytes = 512 * 1_048_576;

async function expectBounded(work: () => Promise<void>): Promise<void> {
  let highest = process.memoryUsage().rss;
  const before = highest;
  const watch = setInterval(() => {
    highest = Math.max(highest, process.memoryUsage().rss);
  }, 5);
  await work();
  clearInterval(watch);
  expect(Math.max(highest, process.memoryUsage().rss) - before).toBeLessThan(grownBytes);
  expect((await send('GET', `${server.url}/health`)).status).toBe(200);
  expect((await createApi(server.url, user).get('/memories')).status).toBe(200);
}

/** Pieces of one buffer, so that the test itself never holds what it packs. */
async function zipBomb(name: string): Promise<Uint8Array> {
  const piece = Buffer.alloc(1_048_576, ' ');
  const pieces = function* () {
    for (let bytes = 0; bytes < bombBytes; bytes += piece.length) yield piece;
  };
  const zip = new yazl.ZipFile();
  zip.addReadStream(Readable.from(pieces()), name);
  zip.end();
  return await buffer(zip.outputStream);
}

it.each(['conversations.json', 'memories.json', 'notes.md', 'memories.csv'])(
  '[SEC-3] a zip bomb is refused: %s',
  async (name) => {
    const bomb = await zipBomb(name);
    expect(bomb.length).toBeLessThan(bombBytes / 500);
    await expectBounded(async () => {
      const headers = { 'content-type': 'application/zip' };
      const url = `${server.url}/api/v1/memories/import`;
      const { status, body } = await send<object>('POST', url, { token: user.token, body: bomb, headers });
      expect([status, body]).toMatchObject([
        200,
        { imported: 0, failed: [{ message: 'is packed too tightly to be a file of memories' }] },
      ]);
    });
  },
  60_000,
);

const claims: Readonly<Record<string, readonly number[]>> = {
  'an array of 4,294,967,295': [0xdd, 0xff, 0xff, 0xff, 0xff],
  'a map of 4,294,967,295': [0xdf, 0xff, 0xff, 0xff, 0xff],
  'a text of 4 GiB': [0xdb, 0xff, 0xff, 0xff, 0xff],
  'bytes of 4 GiB': [0xc6, 0xff, 0xff, 0xff, 0xff],
  'an extension of 4 GiB': [0xc9, 0xff, 0xff, 0xff, 0xff, 1],
  'arrays in arrays, 100,000 deep': Array<number>(100_000).fill(0x91),
  'maps in maps, 100,000 deep': Array.from({ length: 100_000 }, (_, n) => (n % 2 === 0 ? 0x81 : 0xa0)),
};

it.each(Object.entries(claims))('[SEC-3] a frame that claims %s is refused', async (_, bytes) => {
  await expectBounded(async () => {
    for (let i = 0; i < 5; i++) {
      const device = await new TestDevice({ url: server.url, token: user.token }).open();
      const known = { epoch: null, cursor: 0, lastCounter: 0, token: user.token, now: 0 };
      device.send({ type: 'HELLO', protocol: 1, flags: 0, device: randomUUID() as DeviceId, ...known });
      await device.untilFrame('WELCOME');
      const head = pack([frameCodes.PUSH, 1, 0, 0]);
      device.sendRaw(concatBytes([new Uint8Array([0x95]), head.subarray(1), new Uint8Array(bytes)]));
      expect(await device.untilFrame('ERROR')).toMatchObject({ code: 'invalid_frame' });
      device.cut();
    }
  });
});

const nested = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth);

it.each(['POST /memories', 'POST /memories/search', 'POST /memories/ingest', 'PATCH /auth/me', 'POST /memories/sync/push'])(
  '[SEC-3] JSON that is nested 100,000 deep is refused: %s',
  async (route) => {
    const [method = '', path = ''] = route.split(' ');
    await expectBounded(async () => {
      for (const body of [nested('[', ']', 100_000), nested('{"a":', '}', 100_000).replace(':}', ':1}'), '['.repeat(500_000)]) {
        const { status, body: problem } = await createApi(server.url, user).call(method, path, body);
        expect([status, problem.code]).toEqual([400, expect.stringMatching(/^invalid_(json|request)$/)]);
      }
      const settings = `{"settings":{"a":${nested('{"a":', '}', 100_000).replace(':}', ':1}')}}}`;
      if (method === 'PATCH') expect((await createApi(server.url, user).call(method, path, settings)).status).toBe(400);
    });
  },
);

it('[SEC-3] an imported file whose records are nested 100,000 deep is told so, record by record', async () => {
  await expectBounded(async () => {
    for (const deep of [nested('[', ']', 100_000), `{"content":${nested('[', ']', 100_000)}}`]) {
      const { status, body } = await createApi(server.url, user).call<object>('POST', '/memories/import', deep, {
        'content-type': 'application/x-ndjson',
      });
      expect([status, body]).toMatchObject([200, { imported: 0, failedCount: 1 }]);
    }
  });
});
