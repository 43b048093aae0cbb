/** Several server processes on one PostgreSQL, eight writers of one user, and readers that follow the cursor. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { creation, newMemoryId, setting } from '../support/append.ts';
import { TestDevice } from '../support/device.ts';
import { send } from '../support/http.ts';
import { type StorePlace, storePlace } from '../support/places.ts';
import type { TestUser } from '../support/server.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';

interface EventPage {
  readonly events: readonly { readonly seq: number }[];
  readonly cursor: string;
  readonly done: boolean;
}

let place: StorePlace;
let servers: ServerProcess[] = [];

beforeAll(async () => {
  place = await storePlace('postgresql');
  const env = { ...place.env, HEAD_POLL_MS: '50' };
  servers = [await startServerProcess(env), await startServerProcess(env)];
});

afterAll(async () => {
  for (const server of servers) await server.kill9();
  await place[Symbol.asyncDispose]();
});

const urlOf = (index: number): string => servers[index % servers.length]?.url ?? '';

it('[LOG-1] [SYN-7] [SYN-10] eight writers through two processes: readers by socket and by cursor miss nothing', async () => {
  const body = { email: 'many@example.org', password: 'a long passphrase' };
  const { body: user } = await send<TestUser>('POST', `${urlOf(0)}/api/v1/auth/register`, { body });
  const reader = await new TestDevice({ url: urlOf(1), token: user.token }).connect();
  await reader.untilFrame('WELCOME');
  const writers = await Promise.all(
    Array.from({ length: 8 }, (_, index) => new TestDevice({ url: urlOf(index), token: user.token }).connect()),
  );
  const shared = newMemoryId();
  const perWriter = 100;
  const writing = writers.map(async (writer, index) => {
    await writer.untilFrame('WELCOME');
    for (let i = 0; i < perWriter; i++) {
      if (i % 4 === 0) writer.write(shared, creation(`writer ${index}, ${i}`));
      else if (i % 4 === 1) writer.write(shared, setting(`tags/${index}`, i % 8 === 1));
      else writer.write(newMemoryId(), creation(`writer ${index}, ${i}`));
      await writer.until(() => writer.replica.outbox.length < 4, 'acks');
    }
    await writer.untilCaughtUp();
  });
  const total = 8 * perWriter;
  const followed = followByCursor(user.token, total);
  await Promise.all(writing);
  await reader.until(() => reader.replica.cursor === total, 'all by socket');
  expect(await followed).toEqual(Array.from({ length: total }, (_, index) => index + 1));
  for (const writer of writers) {
    await writer.until(() => writer.replica.cursor === total, 'the other writers');
    expect(writer.replica.stateHash).toBe(reader.replica.stateHash);
    writer.cut();
  }
  reader.cut();
  const verdict = await send<{ verified: boolean; events: number }>('GET', `${urlOf(0)}/api/v1/audit/verify`, {
    token: user.token,
  });
  expect(verdict.body).toMatchObject({ verified: true, events: total });
}, 90_000);

async function followByCursor(token: string, total: number): Promise<number[]> {
  const seqs: number[] = [];
  let cursor = '';
  for (let turn = 0; seqs.length < total; turn++) {
    const query = `form=events&limit=50${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;
    const { body } = await send<EventPage>('GET', `${urlOf(turn)}/api/v1/memories/sync/updates?${query}`, { token });
    seqs.push(...body.events.map((event) => event.seq));
    cursor = body.cursor;
  }
  return seqs;
}
