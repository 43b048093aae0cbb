/** Two people's worth of browsers, one account: offline edits on both, and what becomes of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MemoryId } from '../../src/core/ids.ts';
import { openPage, type RemotePage } from '../support/browser-page.ts';
import { type BrowserProfile, openBrowserProfile } from '../support/browser-profile.ts';
import { startTestServer, type TestServer } from '../support/server.ts';
import { type Site, startSite } from '../support/site.ts';

const fact = { type: 'fact', scope: 'user_global' } as const;

describe('two profiles of Chromium', () => {
  let site: Site;
  let server: TestServer;
  let profiles: readonly [BrowserProfile, BrowserProfile];
  let left: RemotePage;
  let right: RemotePage;

  beforeAll(async () => {
    site = await startSite();
    server = await startTestServer({ env: { CORS_ORIGIN: site.url } });
    profiles = await Promise.all([openBrowserProfile(), openBrowserProfile()]);
    const { token } = await server.register();
    left = await openPage(profiles[0].context, site.url);
    right = await openPage(profiles[1].context, site.url);
    for (const page of [left, right]) await page.open({ url: server.url, token });
  });
  afterAll(async () => {
    for (const profile of profiles ?? []) await profile[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  it('[SYN-3] what one writes the other shows, in the order of its writing', async () => {
    await left.create(['one', 'two', 'three'].map((content) => ({ content, ...fact })));
    await right.until({ contents: ['one', 'two', 'three'] });
    expect((await right.list({ order: 'created' })).map(({ content }) => content)).toEqual(['three', 'two', 'one']);
    expect(await right.status()).toMatchObject({ state: 'live', behind: 0, outbox: 0, transport: 'socket' });
  });

  it('[MRG-3] [SYN-6] offline edits on both meet: one value shows, the other is kept as a conflict, and both hold the same', async () => {
    const id = await idOf(left, 'two');
    await goOffline(true);
    await left.update(id, { content: 'two of the left' });
    await left.create([{ content: 'of the left', ...fact }]);
    await left.delete(await idOf(left, 'three'));
    await right.update(id, { content: 'two of the right', tags: ['right'] });
    await right.create([{ content: 'of the right', ...fact }]);
    expect(await left.status()).toMatchObject({ state: 'offline', online: false, outbox: 3, stuck: { reason: 'offline' } });
    expect(await right.contents()).toContain('three');

    await goOffline(false);
    for (const page of [left, right]) await page.until({ status: { state: 'live', outbox: 0 }, count: 4, conflicts: 1 });
    await expectSame();
    const [conflict] = await left.conflicts();
    const values = [conflict?.winner.value, conflict?.loser.value];
    expect([...values].sort()).toEqual(['two of the left', 'two of the right']);
    expect(await left.contents()).toContain(conflict?.winner.value);
    expect((await left.list()).find((memory) => memory.id === id)?.tags).toEqual(['right']);
  });

  it('[MRG-8] the conflict is decided on one for the value that lost, offline, and gone on both', async () => {
    const [conflict] = await left.conflicts();
    if (conflict === undefined) throw new Error('there is no conflict to decide');
    await profiles[0].context.setOffline(true);
    await left.resolve(conflict.id, 'loser');
    expect(await left.conflicts()).toEqual([]);
    await profiles[0].context.setOffline(false);
    for (const page of [left, right]) await page.until({ status: { state: 'live', outbox: 0 }, conflicts: 0 });
    expect(await right.contents()).toContain(conflict.loser.value);
    await expectSame();
  });

  it('[SYN-4] after a reload everything is there before the network is', async () => {
    const before = await right.list();
    await profiles[1].context.setOffline(true);
    await right.close();
    // The page itself comes from the network.
    await profiles[1].context.setOffline(false);
    await right.page.reload();
    await profiles[1].context.setOffline(true);
    await right.open({ url: server.url, token: 'none is needed to read' });
    expect(await right.list()).toEqual(before);
    expect((await right.status()).online).toBe(false);
    await profiles[1].context.setOffline(false);
  });

  async function goOffline(isOffline: boolean): Promise<void> {
    await Promise.all(profiles.map(({ context }) => context.setOffline(isOffline)));
    if (isOffline) for (const page of [left, right]) await page.until({ status: { state: 'offline' } });
  }

  async function expectSame(): Promise<void> {
    const [onLeft, onRight] = [await left.stored(), await right.stored()];
    expect(onLeft).toEqual(onRight);
    expect(await left.list()).toEqual(await right.list());
  }

  async function idOf(page: RemotePage, content: string): Promise<MemoryId> {
    const memory = (await page.list()).find((known) => known.content === content);
    if (memory === undefined) throw new Error(`the page shows no “${content}”`);
    return memory.id;
  }
});
