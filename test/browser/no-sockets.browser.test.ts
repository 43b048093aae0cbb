/** A network that blocks WebSockets: the client goes over HTTP, and ends at the same. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RemotePage } from '../support/browser-page.ts';
import { type BrowserScene, startBrowserScene } from '../support/browser-scene.ts';
import { type HttpOnlyProxy, startHttpOnlyProxy } from '../support/http-only-proxy.ts';

const fact = { type: 'fact', scope: 'user_global' } as const;

describe('where WebSockets are blocked', () => {
  let scene: BrowserScene;
  let proxy: HttpOnlyProxy;
  let blocked: RemotePage;
  let open: RemotePage;

  beforeAll(async () => {
    scene = await startBrowserScene({ profiles: 2 });
    proxy = await startHttpOnlyProxy(scene.server.url);
    blocked = await scene.openPage(0);
    open = await scene.openPage(1);
  });
  afterAll(async () => {
    await scene?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
  });

  it('[SYN-1] the client falls back to HTTP, and both sides come to the same', async () => {
    const { token } = await scene.server.register();
    await open.open({ url: scene.server.url, token });
    await open.create(Array.from({ length: 30 }, (_, i) => ({ content: `over a socket ${i}`, ...fact })));
    await open.settled();

    await blocked.open({ url: proxy.url, token, timing: { pollMs: 100 } });
    await blocked.until({ count: 30, status: { state: 'live', transport: 'http' } });
    const [id] = await blocked.create([{ content: 'over HTTP', ...fact }]);
    if (id === undefined) throw new Error('nothing was made');
    await blocked.settled();
    await open.until({ count: 31 });
    await open.update(id, { content: 'changed over a socket' });
    const contents = (await open.contents()).sort();
    await blocked.until({ contents, status: { state: 'live', outbox: 0 } });
    await open.until({ contents, status: { state: 'live', outbox: 0 } });
    expect(await blocked.stored()).toEqual(await open.stored());
    expect(proxy.refused).toBeGreaterThan(0);
  });
});
