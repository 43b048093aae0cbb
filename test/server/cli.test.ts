/** `aibrain` as its operator runs it, from dist, on a store that a server left behind. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openEmbedded } from '../../src/server/infra/embedded.ts';
import { createApi } from '../support/api.ts';
import { send } from '../support/http.ts';
import { type StorePlace, storePlace } from '../support/places.ts';
import type { TestUser } from '../support/server.ts';
import { startServerProcess } from '../support/server-process.ts';

const program = join(import.meta.dirname, '../../dist/src/server/cli.js');
const run = promisify(execFile);

let place: StorePlace;
let dataDir: string;
beforeAll(async () => {
  place = await storePlace('pglite');
  dataDir = place.env['DATA_DIR'] ?? '';
});
afterAll(() => place?.[Symbol.asyncDispose]());

async function aibrain(...args: readonly string[]): Promise<string> {
  const { stdout } = await run(process.execPath, [program, ...args], { env: { PATH: process.env['PATH'], ...place.env } });
  return stdout;
}

it('[SYN-5] [SYN-12] new-epoch and collect do for everybody what they say, and the log verifies', async () => {
  const [device, user] = await useOnce();
  expect(await aibrain('new-epoch')).toContain('1 users: every log has a new epoch from its present head on');
  expect(await aibrain('verify')).toContain('1 users, 2 events: every chain verifies');
  await makeOld();
  expect(await aibrain('collect')).toContain('1 users: 1 memories collected in 1 events');
  expect(await aibrain('collect')).toContain('1 users: 0 memories collected in 0 events');
  await using server = await startServerProcess(place.env);
  const { body } = await send('POST', `${server.url}/api/v1/memories/sync/hello`, {
    token: user.token,
    body: { protocol: 1, device, epoch: user.epoch, cursor: 2, lastCounter: 0, now: Date.now() },
  });
  expect(body).toMatchObject({ type: 'RESET', code: 'epoch_mismatch', floor: 2, head: 3, shared: 2 });
}, 180_000);

/** A memory that was made and deleted, and a device that says HELLO. */
async function useOnce(): Promise<readonly [string, TestUser & { readonly epoch: string }]> {
  await using server = await startServerProcess(place.env);
  const credentials = { email: 'cli@example.org', password: 'a long passphrase' };
  const { body: user } = await send<TestUser>('POST', `${server.url}/api/v1/auth/register`, { body: credentials });
  const api = createApi(server.url, user);
  const { id } = await api.create();
  await api.call('DELETE', `/memories/${id}`);
  const device = randomUUID();
  const said = { protocol: 1, device, epoch: null, cursor: 0, lastCounter: 0, now: Date.now() };
  const { body } = await api.call<{ epoch: string }>('POST', '/memories/sync/hello', said);
  return [device, { ...user, epoch: body.epoch }];
}

async function makeOld(): Promise<void> {
  const db = await openEmbedded({ dataDir });
  try {
    await db.query('update events set at_ms = at_ms - 31 * 86400000::bigint');
  } finally {
    await db.close();
  }
}
