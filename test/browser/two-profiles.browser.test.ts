/** Two profiles, one account: offline edits on both, and what becomes of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MemoryId } from '../../src/core/ids.ts';
import type { RemotePage } from '../support/browser-page.ts';
import { type BrowserScene, startBrowserScene } from '../support/browser-scene.ts';

const fact = { type: 'fact', scope: 'user_global' } as const;

describe('two profiles of Chromium', () => {
  let scene: BrowserScene;
  let left: RemotePage;
  let right: RemotePage;

  beforeAll(async () => {
    scene = await startBrowserScene({ profiles: 2 });
    const { token } = await scene.server.register();
    left = await scene.openPage(0);
    right = await scene.openPage(1);
    for (const page of [left, right]) await page.open({ url: scene.server.url, token });
  });
  afterAll(() => scene?.[Symbol.asyncDispose]());

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
    await setOffline(left, true);
    await left.resolve(conflict.id, 'loser');
    expect(await left.conflicts()).toEqual([]);
    await setOffline(left, false);
    for (const page of [left, right]) await page.until({ status: { state: 'live', outbox: 0 }, conflicts: 0 });
    expect(await right.contents()).toContain(conflict.loser.value);
    await expectSame();
  });

  it('[SYN-4] after a reload everything is there before the network is', async () => {
    const before = await right.list();
    await setOffline(right, true);
    await right.close();
    // The page itself comes from the network.
    await setOffline(right, false);
    await right.page.reload();
    await setOffline(right, true);
    await right.open({ url: scene.server.url, token: 'none is needed to read' });
    expect(await right.list()).toEqual(before);
    expect((await right.status()).online).toBe(false);
    await setOffline(right, false);
  });

  async function goOffline(isOffline: boolean): Promise<void> {
    for (const page of [left, right]) await setOffline(page, isOffline);
    if (isOffline) for (const page of [left, right]) await page.until({ status: { state: 'offline' } });
  }

  async function setOffline(page: RemotePage, isOffline: boolean): Promise<void> {
    await page.page.context().setOffline(isOffline);
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
