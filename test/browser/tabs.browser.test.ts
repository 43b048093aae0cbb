/** Several tabs of one profile: one replica, one device, one of them speaks with the server. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RemotePage } from '../support/browser-page.ts';
import { type BrowserScene, startBrowserScene } from '../support/browser-scene.ts';

const fact = { type: 'fact', scope: 'user_global' } as const;

describe('tabs of one profile', () => {
  let scene: BrowserScene;
  let token = '';
  let first: RemotePage;
  let second: RemotePage;

  beforeAll(async () => {
    scene = await startBrowserScene();
    ({ token } = await scene.server.register());
  });
  afterAll(() => scene?.[Symbol.asyncDispose]());

  const open = async (): Promise<RemotePage> => {
    const page = await scene.openPage();
    await page.open({ url: scene.server.url, token });
    return page;
  };

  it('[SYN-10] one leads, and the other shows what the leader knows', async () => {
    first = await open();
    await first.until({ status: { state: 'live', isLeader: true } });
    second = await open();
    await second.until({ status: { state: 'live', isLeader: false, transport: 'socket' } });
    expect(await first.open({ url: scene.server.url, token })).toBe(await second.open({ url: scene.server.url, token }));
    await Promise.all([first, second].map((page) => page.until({ status: { state: 'live' } })));
    const led = await Promise.all([first, second].map(async (page) => (await page.status()).isLeader));
    expect(led.filter((isLeader) => isLeader)).toHaveLength(1);
  });

  it('[SYN-3] what either writes both show, and it reaches the server once', async () => {
    await Promise.all([
      first.create(Array.from({ length: 20 }, (_, i) => ({ content: `first ${i}`, ...fact }))),
      second.create(Array.from({ length: 20 }, (_, i) => ({ content: `second ${i}`, ...fact }))),
    ]);
    for (const page of [first, second]) await page.until({ count: 40, status: { outbox: 0 } });
    expect(await first.list()).toEqual(await second.list());
    expect(await first.stored()).toMatchObject({ cursor: 40, outbox: 0, rows: 40 });
  });

  it('[SYN-10] when the leader is closed the other takes over, and sends what it wrote', async () => {
    const [leader, follower] = (await first.status()).isLeader ? [first, second] : [second, first];
    await leader.page.close();
    await follower.until({ status: { isLeader: true, state: 'live' } });
    await follower.create([{ content: 'after the leader', ...fact }]);
    await follower.settled();
    expect(await follower.stored()).toMatchObject({ cursor: 41, outbox: 0 });
    first = follower;
  });

  it('[SYN-10] when the leader crashes the other takes over as well', async () => {
    second = await open();
    await second.until({ count: 41, status: { isLeader: false } });
    const devtools = await first.page.context().newCDPSession(first.page);
    const crashed = new Promise<void>((resolve) => first.page.once('crash', () => resolve()));
    devtools.send('Page.crash').catch(() => undefined);
    await crashed;
    await second.until({ status: { isLeader: true, state: 'live' } });
    await second.create([{ content: 'after the crash', ...fact }]);
    await second.settled();
    expect(await second.stored()).toMatchObject({ cursor: 42, outbox: 0, rows: 42 });
  });
});
