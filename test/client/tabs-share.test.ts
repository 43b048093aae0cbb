/** Several tabs of one profile: one replica, one connection, everybody writes. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client-api.ts';
import type { ClientStore } from '../../src/client/store.ts';
import { createTabHub, type HubTab, type TabHub } from '../../src/client/tab-hub.ts';
import type { WatchSleep } from '../../src/client/tabs.ts';
import { createVolatilePlace, type VolatilePlace } from '../../src/client/volatile-place.ts';
import { createVolatileStore } from '../../src/client/volatile-store.ts';
import { type Api, createApi, type EventList } from '../support/api.ts';
import { nodeEnvironment, type TestClientOptions, until, untilStatus, useClients } from '../support/client.ts';
import { startTestServer, type TestServer } from '../support/server.ts';

interface OpenTab {
  readonly client: Client;
  readonly tab: HubTab;
}

describe('tabs of one profile', () => {
  let server: TestServer;
  let api: Api;
  let hub: TabHub;
  let place: VolatilePlace;
  const open = useClients();
  const tea = { content: 'Tea', type: 'fact', scope: 'user_global' } as const;

  beforeAll(async () => {
    server = await startTestServer();
  });
  beforeEach(async () => {
    api = createApi(server.url, await server.register());
    hub = createTabHub();
    place = createVolatilePlace();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  async function openTab(options: Partial<TestClientOptions> = {}, watchSleep?: WatchSleep): Promise<OpenTab> {
    const tab = hub.open(watchSleep);
    const store = createVolatileStore(place);
    const client = await open({ url: server.url, token: api.user.token, tabs: tab, store, ...options });
    return { client, tab };
  }

  /** A page that can be put to sleep. */
  function createPage(): { readonly watchSleep: WatchSleep; sleep(): void } {
    let sleep = () => {};
    return {
      watchSleep: (onSleep) => {
        sleep = onSleep;
        return () => {};
      },
      sleep: () => sleep(),
    };
  }

  async function eventsInLog(): Promise<EventList['events']> {
    return (await api.get<EventList>('/audit?limit=200&order=asc')).body.events;
  }

  it('[SYN-13] they are one device: one leads, all write, no counter twice, all see everything', async () => {
    const [first, second, third] = [await openTab(), await openTab(), await openTab()];
    const clients = [first.client, second.client, third.client];
    await untilStatus(first.client, ({ state }) => state === 'live');
    expect(clients.map(({ status }) => status.isLeader)).toEqual([true, false, false]);
    await Promise.all(clients.flatMap((client, tab) => [0, 1, 2].map((n) => client.create({ ...tea, content: `${tab}/${n}` }))));
    await Promise.all(clients.map((client) => client.settled()));
    for (const client of clients) await until(client, () => client.count() === 9);
    const events = await eventsInLog();
    expect(new Set(events.map(({ device }) => device.id)).size).toBe(1);
    expect(events).toHaveLength(9);
    const { id } = await api.create({ content: 'from elsewhere' });
    for (const client of clients) await until(client, () => client.get(id as never) !== null);
  });

  it('[SYN-10] when the leader is killed another one leads, with what the dead one had written', async () => {
    const [first, second] = [await openTab(), await openTab()];
    await untilStatus(first.client, ({ state }) => state === 'live');
    await second.client.create(tea);
    await first.client.create({ ...tea, content: 'last words' });
    first.tab.kill();
    await untilStatus(second.client, ({ isLeader, state }) => isLeader && state === 'live');
    await second.client.settled();
    expect(second.client.count()).toBe(2);
    expect((await eventsInLog()).filter(({ kind }) => kind === 'create')).toHaveLength(2);
  });

  it('[SYN-10] a tab that follows shows how the leader is, and can make it try at once', async () => {
    const [first, second] = [await openTab(), await openTab()];
    await untilStatus(second.client, ({ state }) => state === 'live');
    expect(second.client.status).toMatchObject({ isLeader: false, online: true, transport: 'socket', outbox: 0 });
    second.client.syncNow();
    await first.client.close();
    await untilStatus(second.client, ({ isLeader, state }) => isLeader && state === 'live');
  });

  it('[SYN-10] a tab that nobody has heard of has everything too', async () => {
    const first = await openTab();
    const tab = hub.open();
    const mute = { ...tab, post: () => undefined };
    const second = await open({ url: server.url, token: api.user.token, tabs: mute, store: createVolatileStore(place) });
    await untilStatus(first.client, ({ state }) => state === 'live');
    const { id } = await first.client.create(tea);
    await until(second, () => second.get(id)?.isPending === true);
    await first.client.settled();
    await until(second, () => second.get(id)?.isPending === false);
  });

  it('[house] rows are copied into the channel only where another tab was heard', async () => {
    const kinds: unknown[] = [];
    hub.open().listen((message) => kinds.push((message as { readonly kind: string }).kind));
    const first = await openTab();
    await first.client.create(tea);
    await first.client.settled();
    expect(kinds).toContain('version');
    expect(kinds).not.toContain('change');
    const second = await openTab();
    await untilStatus(second.client, ({ state }) => state === 'live');
    await first.client.create(tea);
    await second.client.create(tea);
    await until(second.client, () => second.client.count() === 3);
    await until(first.client, () => first.client.count() === 3);
    expect(kinds.filter((kind) => kind === 'change').length).toBeGreaterThanOrEqual(2);
  });

  it('[SYN-10] a tab that falls asleep while it takes over the lead does not connect when it has read everything', async () => {
    const page = createPage();
    const store = createVolatileStore(place);
    let loads = 0;
    let goOn = () => {};
    const held = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const load: ClientStore['load'] = async (create) => {
      if (++loads === 2) await held;
      return await store.load(create);
    };
    const first = await openTab({ store: { ...store, load } }, page.watchSleep);
    await expect.poll(() => loads).toBe(2);
    page.sleep();
    const second = await openTab();
    await untilStatus(second.client, ({ isLeader, state }) => isLeader && state === 'live');
    goOn();
    await second.client.create(tea);
    await until(first.client, () => first.client.count() === 1);
    await untilStatus(second.client, ({ outbox }) => outbox === 0);
    expect(first.client.status).toMatchObject({ isLeader: false });
  });

  it('[SYN-10] a tab that steps back does not show how a leader before it was', async () => {
    const page = createPage();
    const first = await openTab();
    await untilStatus(first.client, ({ state }) => state === 'live');
    const second = await openTab({}, page.watchSleep);
    await untilStatus(second.client, ({ state }) => state === 'live');
    first.tab.kill();
    await untilStatus(second.client, ({ isLeader, state }) => isLeader && state === 'live');
    page.sleep();
    expect(await untilStatus(second.client, ({ isLeader }) => !isLeader)).toMatchObject({ state: 'following', online: false });
  });

  it('[MRG-6] a tab that follows stamps by the clock of the server too', async () => {
    const lateMs = 3_600_000;
    const environment = { ...nodeEnvironment(), now: () => Date.now() - lateMs };
    const first = await openTab({ environment });
    await untilStatus(first.client, ({ state }) => state === 'live');
    const second = await openTab({ environment });
    await untilStatus(second.client, ({ state }) => state === 'live');
    const { updatedAt } = await second.client.create(tea);
    expect(updatedAt).toBeGreaterThan(Date.now() - lateMs / 2);
  });
});
