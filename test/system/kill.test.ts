/**
 * The server is killed with SIGKILL in the middle of a push, again and again, and comes back on the same store.
 * The full number: `npm run build && KILL_ROUNDS=20 npx vitest run test/system/kill.test.ts`; the default keeps the suite short.
 */
import { describe, expect, it } from 'vitest';
import type { MemoryId } from '../../src/core/ids.ts';
import { creation, newMemoryId, setting } from '../support/append.ts';
import { type Engine, testDatabaseUrl } from '../support/databases.ts';
import { TestDevice } from '../support/device.ts';
import { send } from '../support/http.ts';
import { storePlace } from '../support/places.ts';
import type { TestUser } from '../support/server.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';

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
        const acked: Dot[] = [];
        for (let round = 1; round <= rounds; round++) {
          acked.push(...(await killInMidPush(server, [laptop, phone], ids, round)));
          server = await startServerProcess(place.env);
        }
        for (const device of [laptop, phone]) await (await device.connect(server.url)).untilCaughtUp();
        // A server that forgot what a device holds would have begun it anew, and all would agree on the loss.
        for (const device of [laptop, phone]) expect(device.frames.filter((frame) => frame.type === 'RESET')).toEqual([]);
        await laptop.until(() => laptop.replica.cursor === phone.replica.cursor, 'the same cursor');
        await phone.until(() => laptop.replica.cursor === phone.replica.cursor, 'the same cursor');
        expect(phone.replica.stateHash).toBe(laptop.replica.stateHash);
        expect([...phone.replica.rows.values()].sort(byId)).toEqual([...laptop.replica.rows.values()].sort(byId));
        const verdict = await send<Verdict>('GET', `${server.url}/api/v1/audit/verify`, { token: user.token });
        expect(verdict.body).toMatchObject({ verified: true, events: laptop.replica.cursor, head: laptop.replica.cursor });
        const log = await readWholeLog(server.url, user.token);
        expect(log.map((event) => event.seq)).toEqual(log.map((_, index) => index + 1));
        expect(acked.length).toBeGreaterThanOrEqual(rounds);
        const inLog = new Set(log.map(nameOf));
        expect(acked.map(nameOf).filter((dot) => !inLog.has(dot))).toEqual([]);
        // Each op once: as many events as ops that were ever written.
        expect(inLog.size).toBe(laptop.replica.lastCounter + phone.replica.lastCounter);
        expect(log.length).toBe(inLog.size);
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

interface Dot {
  readonly device: string;
  readonly counter: number;
}

const nameOf = ({ device, counter }: Dot): string => `${device} ${counter}`;

interface EventPage {
  readonly events: readonly (Dot & { readonly seq: number })[];
  readonly cursor: string;
  readonly done: boolean;
}

async function readWholeLog(url: string, token: string): Promise<EventPage['events']> {
  const events: EventPage['events'][number][] = [];
  for (let cursor = '', isDone = false; !isDone; ) {
    const query = `form=events&limit=500${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
    const { body } = await send<EventPage>('GET', `${url}/api/v1/memories/sync/updates?${query}`, { token });
    events.push(...body.events);
    cursor = body.cursor;
    isDone = body.done;
  }
  return events;
}

/** Both devices write; the kill comes after a number of acknowledgements, with more on their way. Returns what was acknowledged. */
async function killInMidPush(
  server: ServerProcess,
  devices: readonly TestDevice[],
  ids: MemoryId[],
  round: number,
): Promise<Dot[]> {
  const waiting = devices.map((device) => device.replica.outbox.map((op) => op.counter));
  for (const device of devices) await (await device.connect(server.url)).untilFrame('WELCOME', device.frames.length);
  const [first] = devices;
  if (first === undefined) return [];
  const before = first.replica.lastCounter - first.replica.outbox.length;
  let written = 0;
  const writeSome = (): void => {
    for (const device of devices) {
      for (let i = 0; i < 20; i++) {
        const known = ids[(written * 7 + i) % (ids.length + 1)];
        if (known === undefined || i % 3 === 0) {
          const id = newMemoryId();
          ids.push(id);
          device.write(id, creation(`round ${round}, ${written}`));
        } else
          device.write(
            known,
            written % 11 === 0 ? setting('deleted', true) : setting('content', `edited in round ${round}, ${written}`),
          );
        written++;
      }
    }
  };
  const known = devices.map((device, index) => [...(waiting[index] ?? []), device.replica.lastCounter + 1]);
  writeSome();
  const ackedOf = (device: TestDevice): number => device.replica.lastCounter - device.replica.outbox.length;
  await first.until(() => ackedOf(first) > before + (round % 7), 'acknowledgements');
  writeSome();
  // Into the group that is being written, or just before or after its commit: one turn of the loop later than the frames.
  await first.until(() => ackedOf(first) > before + 20 + (round % 5), 'acknowledgements of what came second');
  writeSome();
  await server.kill9();
  const acked = devices.flatMap((device, index) => {
    const from = Math.min(...(known[index] ?? []));
    const counters = Array.from({ length: Math.max(0, ackedOf(device) - from + 1) }, (_, i) => from + i);
    return counters.map((counter) => ({ device: device.replica.device, counter }));
  });
  for (const device of devices) device.cut();
  return acked;
}

const byId = (a: { readonly id: string }, b: { readonly id: string }): number => (a.id < b.id ? -1 : 1);

async function register(url: string): Promise<TestUser> {
  const body = { email: 'me@example.org', password: 'a long passphrase' };
  return (await send<TestUser>('POST', `${url}/api/v1/auth/register`, { body })).body;
}
