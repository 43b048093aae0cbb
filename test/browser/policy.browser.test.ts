/** The published bundle under a policy as strict as an extension's: `default-src 'self'; connect-src *`. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RemotePage } from '../support/browser-page.ts';
import { type BrowserScene, startBrowserScene } from '../support/browser-scene.ts';

describe('a page with a strict content security policy', () => {
  let scene: BrowserScene;
  let page: RemotePage;

  beforeAll(async () => {
    scene = await startBrowserScene();
    page = await scene.openPage();
  });
  afterAll(() => scene?.[Symbol.asyncDispose]());

  it('[house] is used in full without one violation', async () => {
    const { token } = await scene.server.register();
    await page.open({ url: scene.server.url, token });
    // Enough for frames that come deflated.
    const texts = Array.from({ length: 200 }, (_, i) => `a memory of some length, number ${i}, to be sent and to come back`);
    const [id] = await page.create(texts.map((content) => ({ content, type: 'fact', scope: 'user_global', tags: ['a', 'b'] })));
    if (id === undefined) throw new Error('nothing was made');
    await page.update(id, { confidence: 0.5, source: { url: 'https://example.org', timestamp: '2026-01-01T00:00:00Z' } });
    await page.delete(id);
    await page.settled();
    expect((await page.search('number 7')).results.length).toBeGreaterThan(0);
    await page.close();
    await page.open({ url: scene.server.url, token, name: 'another replica' });
    await page.until({ count: 199, status: { state: 'live' } });
    expect(await page.violations()).toEqual([]);
  });

  it('[house] would see one', async () => {
    expect(await page.makeCode()).toBe('EvalError');
    await expect.poll(() => page.violations()).toEqual(['script-src eval']);
  });
});
