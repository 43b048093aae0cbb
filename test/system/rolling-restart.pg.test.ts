/** Three servers behind a balancer are restarted one after the other, while people write: over sockets and over HTTP. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Client } from '../../src/client/client-api.ts';
import { type Api, createApi, type EventList, type Verdict } from '../support/api.ts';
import { type Balancer, startBalancer } from '../support/balancer.ts';
import { until, useClients } from '../support/client.ts';
import { send } from '../support/http.ts';
import { type StorePlace, storePlace } from '../support/places.ts';
import type { TestUser } from '../support/server.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';

const nodeCount = 3;
const peopleCount = 3;
/** Between two writes of one writer, ms: about 250 writes a second in all. */
const writeEveryMs = 25;

let place: StorePlace;
let balancer: Balancer;
const nodes: ServerProcess[] = [];
const open = useClients();

const portOf = ({ url }: ServerProcess): number => Number(new URL(url).port);
const start = (): Promise<ServerProcess> => startServerProcess({ ...place.env, DATABASE_POOL_SIZE: '5' });

beforeAll(async () => {
  place = await storePlace('postgresql');
  // The first makes the tables.
  for (let i = 0; i < nodeCount; i++) nodes.push(await start());
  balancer = await startBalancer(nodes.map(portOf));
}, 120_000);

afterAll(async () => {
  await balancer?.[Symbol.asyncDispose]();
  for (const node of nodes) await node.kill9();
  await place?.[Symbol.asyncDispose]();
});

interface Person {
  readonly api: Api;
  readonly devices: readonly Client[];
  /** Contents that were written, by whatever writer. */
  readonly written: string[];
  /** Why a device was not connected. */
  readonly reasons: Set<string>;
  /** Answers over HTTP that were neither success nor a reason to try again. */
  readonly refusals: number[];
}

it('[SYN-14] no acknowledged write is lost or doubled, and nobody who tries again sees an error', async () => {
  const people = await Promise.all(Array.from({ length: peopleCount }, () => newPerson()));
  let isDone = false;
  const writers = people.flatMap((person) => [
    ...person.devices.map((device) => writeOnDevice(person, device, () => isDone)),
    writeOverHttp(person, () => isDone),
  ]);
  for (let i = 0; i < nodeCount; i++) await restart(i);
  isDone = true;
  await Promise.all(writers);
  for (const { api, devices, written, reasons, refusals } of people) {
    // Enough to have been in the middle of something at every restart.
    expect(written.length).toBeGreaterThan(100);
    for (const device of devices) await until(device, () => device.count() === written.length && device.status.outbox === 0);
    expect((await contentsInLog(api)).sort()).toEqual([...written].sort());
    expect((await api.get<Verdict>('/audit/verify')).body).toMatchObject({ verified: true, events: written.length });
    expect([...reasons].filter((reason) => reason !== 'unreachable')).toEqual([]);
    expect(refusals).toEqual([]);
    for (const device of devices) expect(device.rejected()).toEqual([]);
  }
}, 180_000);

async function newPerson(): Promise<Person> {
  const body = { email: `${randomUUID()}@example.org`, password: 'a long passphrase' };
  const { body: user } = await send<TestUser>('POST', `${balancer.url}/api/v1/auth/register`, { body });
  const { url } = balancer;
  const devices = [await open({ url, token: user.token }), await open({ url, token: user.token })];
  const reasons = new Set<string>();
  for (const device of devices)
    device.subscribe(() => {
      // At the very first there is no connection yet.
      if (device.status.state === 'waiting' && device.status.stuck !== null) reasons.add(device.status.stuck.reason);
    });
  await Promise.all(devices.map((device) => device.settled()));
  return { api: createApi(url, user), devices, written: [], reasons, refusals: [] };
}

async function writeOnDevice({ written }: Person, device: Client, isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    const content = `on a device: ${randomUUID()}`;
    await device.create({ content, type: 'fact', scope: 'user_global' });
    written.push(content);
    await wait(writeEveryMs);
  }
}

/** As a script would: the same id again until there is an answer. */
async function writeOverHttp({ api, written, refusals }: Person, isDone: () => boolean): Promise<void> {
  while (!isDone()) {
    const [id, content] = [randomUUID(), `over HTTP: ${randomUUID()}`];
    for (;;) {
      const answer = await api.call('POST', '/memories', { id, content, type: 'fact', scope: 'user_global' }).catch(() => null);
      if (answer?.status === 201 || answer?.status === 200) break;
      if (answer !== null && answer.status !== 503) refusals.push(answer.status);
      await wait(writeEveryMs);
    }
    written.push(content);
    await wait(writeEveryMs);
  }
}

async function restart(index: number): Promise<void> {
  const before = nodes[index];
  if (before === undefined) throw new Error('no such node');
  const ended = once(before.child, 'exit');
  before.child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  const after = await start();
  nodes[index] = after;
  balancer.targets = nodes.map(portOf);
}

async function contentsInLog(api: Api): Promise<string[]> {
  const contents: string[] = [];
  let cursor: string | null = null;
  do {
    const page: EventList = (await api.get<EventList>(`/audit?limit=500&order=asc${cursor === null ? '' : `&cursor=${cursor}`}`))
      .body;
    for (const { patch } of page.events) contents.push(String(patch?.find(({ path }) => path === '/content')?.value));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return contents;
}
