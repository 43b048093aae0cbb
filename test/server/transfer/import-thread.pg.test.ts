/** Large files on PostgreSQL, which a thread of its own brings in, through the real door. */
import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApi, type MemoryList } from '../../support/api.ts';
import { creation, newMemoryId } from '../../support/append.ts';
import { testDatabase, testDatabaseUrl } from '../../support/databases.ts';
import { TestDevice } from '../../support/device.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';

interface Report {
  readonly imported: number;
  readonly updated: number;
  readonly skipped: number;
  readonly failed: readonly { readonly index: number; readonly place: string; readonly code: string }[];
}

const ndjson = { 'content-type': 'application/x-ndjson' };

/** About 400 bytes each: 1,500 of them are twice what a thread is started for. */
const records = (
  count: number,
  content = 'is a fact that was brought in, and long enough to weigh something in a file '.repeat(3),
) =>
  Array.from({ length: count }, (_, index) => ({
    id: randomUUID(),
    content: `${index} ${content}`,
    type: 'fact',
    scope: 'user_global',
    tags: ['brought-in'],
    createdAt: '2024-01-02T03:04:05.678Z',
  }));
const toFile = (all: readonly unknown[]): string => all.map((record) => JSON.stringify(record)).join('\n');

describe.skipIf(testDatabaseUrl === undefined)('a file that a thread of its own brings in', () => {
  let server: TestServer;
  beforeAll(async () => {
    const database = await testDatabase('postgresql');
    // Nothing but what the thread says can reach a socket in this time.
    server = await startTestServer({ database, env: { DATABASE_URL: database.place, HEAD_POLL_MS: '3600000' } });
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
  });
  const login = async () => {
    const user = await server.register();
    return { user, api: createApi(server.url, user) };
  };
  const bringIn = (api: ReturnType<typeof createApi>, file: string, query = '') =>
    api.call<Report>('POST', `/memories/import${query}`, file, ndjson);

  it('[LOG-7] what it writes is in the one log: events in order, a chain that verifies, the same again changes nothing', async () => {
    const { api } = await login();
    const file = toFile(records(1_500));
    expect((await bringIn(api, file)).body).toMatchObject({ imported: 1_500, updated: 0, skipped: 0, failed: [] });
    expect((await api.call('GET', '/audit/verify')).body).toMatchObject({ verified: true, events: 1_500 });
    expect((await bringIn(api, file)).body).toMatchObject({ imported: 0, skipped: 1_500 });
    expect((await bringIn(api, toFile(records(1_500)), '?deduplicate=true')).body).toMatchObject({ imported: 0, skipped: 1_500 });
  });

  it('[SYN-7] sockets hear of it at once, and are sent all of it', async () => {
    const { user, api } = await login();
    const device = await new TestDevice({ url: server.url, token: user.token }).connect();
    await device.untilFrame('WELCOME');
    await bringIn(api, toFile(records(2_000)));
    await device.until(() => device.replica.cursor === 2_000, 'all of it');
    device.cut();
  });

  it('[LOG-1] writes of the server meanwhile and those of the thread share one sequence', async () => {
    const { user, api } = await login();
    const device = await new TestDevice({ url: server.url, token: user.token }).connect();
    await device.untilFrame('WELCOME');
    let isOver = false;
    const importing = bringIn(api, toFile(records(1_500))).finally(() => {
      isOver = true;
    });
    let written = 0;
    while (!isOver) {
      device.write(newMemoryId(), creation(`meanwhile ${written}`));
      const created = { content: `by hand ${written}`, type: 'fact', scope: 'user_global' };
      expect((await api.call('POST', '/memories', created)).status).toBe(201);
      written += 2;
    }
    expect((await importing).body).toMatchObject({ imported: 1_500, failed: [] });
    await device.untilCaughtUp();
    await device.until(() => device.replica.cursor === 1_500 + written, 'all of it');
    expect((await api.call('GET', '/audit/verify')).body).toMatchObject({ verified: true, events: 1_500 + written });
    device.cut();
  });

  it('[SEC-2] records that fail are named with their places, the others go in', async () => {
    const { api } = await login();
    const all: unknown[] = records(2_000);
    all[7] = { content: '', type: 'fact', scope: 'user_global' };
    const answer = await bringIn(api, `${toFile(all)}\n{"broken`);
    expect(answer.body).toMatchObject({ imported: 1_999 });
    expect(answer.body.failed.map(({ place, code }) => [place, code])).toEqual([
      ['line 8', 'invalid_request'],
      ['line 2001', 'invalid_json'],
    ]);
  });

  it('[SEC-2] a file of no known form is refused as such', async () => {
    const { api } = await login();
    const answer = await api.call('POST', '/memories/import', '\u0001'.repeat(400_000), {
      'content-type': 'application/octet-stream',
    });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ path: 'format' }] } });
  });

  it('[SYN-10] of an upload that is cut the whole records are there, and the next one is taken', async () => {
    const { user, api } = await login();
    const file = toFile(records(4_000));
    await new Promise<void>((resolve) => {
      const upload = request(`${server.url}/api/v1/memories/import`, {
        method: 'POST',
        headers: { ...ndjson, authorization: `Bearer ${user.token}`, 'content-length': Buffer.byteLength(file) },
      });
      upload.on('error', () => resolve());
      upload.write(file.slice(0, 900_000), () => upload.destroy(new Error('cut')));
    });
    expect((await bringIn(api, toFile(records(2_000)))).body).toMatchObject({ imported: 2_000 });
    expect((await api.call('GET', '/audit/verify')).body).toMatchObject({ verified: true });
    const { body } = await api.call<MemoryList>('GET', '/memories?limit=1');
    expect(body.memories).toHaveLength(1);
  });

  it('[LOG-7] what works behind the log is told of it, as of any other write', async () => {
    const { user, api } = await login();
    const heads: number[] = [];
    const stop = server.deps.hub.onCommit((userId, head) => {
      if (userId === user.user.id) heads.push(head);
    });
    const applied = async (): Promise<number> =>
      Number(/^aibrain_events_total{outcome="applied"} (\d+)$/m.exec(await server.deps.metrics.text())?.[1]);
    const before = await applied();
    await bringIn(api, toFile(records(1_500)));
    stop();
    expect(heads.at(-1)).toBe(1_500);
    expect(await applied()).toBe(before + 1_500);
  });
});
