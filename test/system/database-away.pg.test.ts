/** The database goes away for a while and comes back. The server stays, and so do its devices. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { creation, newMemoryId } from '../support/append.ts';
import { TestDevice } from '../support/device.ts';
import { send } from '../support/http.ts';
import { type StorePlace, storePlace } from '../support/places.ts';
import { type CuttableProxy, startProxy } from '../support/proxy.ts';
import type { TestUser } from '../support/server.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';

let place: StorePlace;
let proxy: CuttableProxy;
let server: ServerProcess;

beforeAll(async () => {
  place = await storePlace('postgresql');
  const url = new URL(place.env['DATABASE_URL'] ?? '');
  proxy = await startProxy({ host: url.hostname, port: Number(url.port) });
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  server = await startServerProcess({ ...place.env, DATABASE_URL: url.href, HEAD_POLL_MS: '50', LOG_LEVEL: 'silent' });
});

afterAll(async () => {
  await server.kill9();
  await proxy[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

it('[SYN-10] the database goes away three times: devices end up in sync, on the same server', async () => {
  const body = { email: 'away@example.org', password: 'a long passphrase' };
  const { body: user } = await send<TestUser>('POST', `${server.url}/api/v1/auth/register`, { body });
  const devices = [0, 1, 2].map(
    (index) => new TestDevice({ url: server.url, token: user.token, form: index === 1 ? 'text' : 'binary' }),
  );
  const keepers = devices.map(keepConnected);
  let written = 0;
  const writeSome = (): void => {
    for (const device of devices) for (let i = 0; i < 30; i++) device.write(newMemoryId(), creation(`${written++}`));
  };
  for (let round = 0; round < 3; round++) {
    const cursors = devices.map((device) => device.replica.cursor);
    writeSome();
    await devices[0]?.until(() => (devices[0]?.replica.cursor ?? 0) > (cursors[0] ?? 0), 'something');
    proxy.goAway();
    writeSome();
    const refused = await untilRefused(user.token);
    expect([503, 500]).toContain(refused);
    proxy.comeBack();
    await Promise.all(
      devices.map((device) =>
        device.until(
          () => device.session?.isCaughtUp === true && device.replica.cursor === written,
          `round ${round}: everything`,
        ),
      ),
    );
  }
  for (const device of devices) {
    expect(device.replica.outbox).toEqual([]);
    expect(device.replica.rows.size).toBe(written);
    expect(device.replica.stateHash).toBe(devices[0]?.replica.stateHash);
  }
  const verdict = await send<{ verified: boolean }>('GET', `${server.url}/api/v1/audit/verify`, { token: user.token });
  expect(verdict.body).toMatchObject({ verified: true, events: written });
  for (const keeper of keepers) await keeper.stop();
  expect(server.child.exitCode).toBeNull();
}, 60_000);

/** Asks until the answer says that the database is away. */
async function untilRefused(token: string): Promise<number> {
  for (;;) {
    const { status } = await send('POST', `${server.url}/api/v1/memories`, {
      token,
      body: { id: randomUUID(), content: '', type: 'fact', scope: 'user_global' },
    });
    if (status >= 500) return status;
  }
}

/** What an app does around its session: connects again when the socket ends, and pushes again a while after an ERROR. */
function keepConnected(device: TestDevice): { stop(): Promise<void> } {
  const againAfterMs = 50;
  let isStopped = false;
  const run = async (): Promise<void> => {
    while (!isStopped) {
      await device.connect();
      while (!isStopped && device.closeCode === null) {
        const seen = device.frames.length;
        await device.until(() => isStopped || device.closeCode !== null || device.frames.length > seen, 'a frame');
        if (device.frames.slice(seen).some((frame) => frame.type === 'ERROR')) setTimeout(() => device.flush(), againAfterMs);
      }
      if (!isStopped) await new Promise((resolve) => setTimeout(resolve, againAfterMs));
    }
  };
  const running = run();
  return {
    async stop() {
      isStopped = true;
      device.cut();
      await running;
    },
  };
}
