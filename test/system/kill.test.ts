/**
 * The server is killed with SIGKILL in the middle of a push, again and again, and comes back on the same store.
 * KILL_ROUNDS=20 runs the full number; the default keeps the suite short.
 */
import { describe, expect, it } from 'vitest';
import type { MemoryId } from '../../src/core/ids.ts';
import { creation, newMemoryId, setting } from '../support/append.ts';
import { type Engine, testDatabaseUrl } from '../support/databases.ts';
import { TestDevice } from '../support/device.ts';
import { send } from '../support/http.ts';
import { storePlace } from '../support/places.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';
import type { TestUser } from '../support/server.ts';

const rounds = Number(process.env['KILL_ROUNDS'] ?? 3);

describe.each<Engine>(['pglite', 'postgresql'])('kill -9 on %s', (engine) => {
  it.skipIf(engine === 'postgresql' && testDatabaseUrl === undefined)(
    `[LOG-1] [LOG-2] [LOG-4] ${rounds} kills in mid-push: what was acked is there, no gap, the chain verifies, devices converge`,
    async () => {
      await using place = await storePlace(engine);
      let server = await startServerProcess(place.env);
      try {
        const user = await register(server.url);
        const laptop = new TestDevice({ url: server.url, token: user.token, device: user.device.id });
        const phone = new TestDevice({ url: server.url, token: user.token, form: 'text' });
        const ids: MemoryId[] = [];
        for (let round = 1; round <= rounds; round++) {
          await killInMidPush(server, [laptop, phone], ids, round);
          server = await startServerProcess(place.env);
        }
        for (const device of [laptop, phone]) await (await device.connect(server.url)).untilCaughtUp();
        await laptop.until(() => laptop.replica.cursor === phone.replica.cursor, 'the same cursor');
        await phone.until(() => laptop.replica.cursor === phone.replica.cursor, 'the same cursor');
        expect(phone.replica.stateHash).toBe(laptop.replica.stateHash);
        expect([...phone.replica.rows.values()].sort(byId)).toEqual([...laptop.replica.rows.values()].sort(byId));
        const verdict = await send<Verdict>('GET', `${server.url}/api/v1/audit/verify`, { token: user.token });
        expect(verdict.body).toMatchObject({ verified: true, events: laptop.replica.cursor, head: laptop.replica.cursor });
        laptop.cut();
        phone.cut();
      } finally {
        await server.kill9();
      }
    },
    60_000 + rounds * 15_000,
  );
});

interface Verdict {
  readonly verified: boolean;
  readonly events: number;
  readonly head: number;
}

/** Both devices write without end; the kill comes at the n-th acknowledgement, with more on its way. */
async function killInMidPush(server: ServerProcess, devices: readonly TestDevice[], ids: MemoryId[], round: number): Promise<void> {
  for (const device of devices) await (await device.connect(server.url)).untilFrame('WELCOME', device.frames.length);
  const acked = devices.map((device) => device.replica.cursor);
  let written = 0;
  const writeSome = (): void => {
    for (const device of devices) {
      for (let i = 0; i < 20; i++) {
        const known = ids[(written * 7 + i) % (ids.length + 1)];
        if (known === undefined || i % 3 === 0) {
          const id = newMemoryId();
          ids.push(id);
          device.write(id, creation(`round ${round}, ${written}`));
        } else device.write(known, written % 11 === 0 ? setting('deleted', true) : setting('content', `edited in round ${round}, ${written}`));
        written++;
      }
    }
  };
  writeSome();
  const [first] = devices;
  if (first === undefined) return;
  await first.until(() => first.replica.cursor > (acked[0] ?? 0) + round, 'the first acknowledgements');
  writeSome();
  await server.kill9();
  const held = devices.map((device) => ({ cursor: device.replica.cursor, outbox: device.replica.outbox.length }));
  for (const device of devices) device.cut();
  expect(held.every(({ cursor }) => cursor >= 0)).toBe(true);
}

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1);

async function register(url: string): Promise<TestUser> {
  const body = { email: 'me@example.org', password: 'a long passphrase' };
  return (await send<TestUser>('POST', `${url}/api/v1/auth/register`, { body })).body;
}
