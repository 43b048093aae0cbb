/** The database of an older extension in the same browser, brought in once, also when the page goes away in the middle. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RemotePage } from '../support/browser-page.ts';
import { type BrowserScene, startBrowserScene } from '../support/browser-scene.ts';
import type { OldRecord } from './page/old-database.ts';

const size = 3_000;

describe('the adoption of MemoryLayerDB', () => {
  let scene: BrowserScene;
  let token = '';
  let page: RemotePage;

  beforeAll(async () => {
    scene = await startBrowserScene();
    ({ token } = await scene.server.register());
    page = await scene.openPage();
    await page.seedOldDatabase(Array.from({ length: size }, (_, i) => oldRecord(i)));
  });
  afterAll(() => scene?.[Symbol.asyncDispose]());

  it('[SYN-3] a reload in the middle interrupts it; the next call goes on, and each record is in the log once', async () => {
    await page.open({ url: scene.server.url, token });
    const adopted = await page.beginToAdopt();
    await page.page.reload();
    expect(adopted).toBeLessThan(size);

    await page.open({ url: scene.server.url, token });
    expect(await page.count()).toBeGreaterThanOrEqual(adopted);
    const rest = await page.adopt();
    expect(rest.skipped).toEqual([]);
    expect(rest.adopted).toBeLessThan(size);
    await page.until({ count: size, status: { state: 'live', outbox: 0 } });
    expect(await page.stored()).toMatchObject({ cursor: size, rows: size, outbox: 0 });
    expect(await page.adopt()).toMatchObject({ adopted: 0 });
    expect(await page.stored()).toMatchObject({ cursor: size });
  });

  it('[house] what a record said is what the memory says', async () => {
    const memory = (await page.list()).find(({ id }) => id === oldRecord(7).id);
    expect(memory).toMatchObject({
      content: 'old memory 7',
      type: 'preference',
      scope: 'user_global',
      confidence: 0.7,
      tags: ['old', 'tag 7'],
      source: { url: 'https://chatgpt.com/c/7', platform: 'chatgpt', title: 'Chat 7', timestamp: '2025-06-01T00:00:07.000Z' },
      createdAt: Date.UTC(2025, 5, 1) + 7_000,
    });
  });
});

function oldRecord(i: number): OldRecord {
  const createdAt = Date.UTC(2025, 5, 1) + i * 1_000;
  return {
    id: `0f0e0d0c-0000-4000-8000-${i.toString(16).padStart(12, '0')}`,
    userId: 'local',
    content: `old memory ${i}`,
    type: 'preference',
    scope: 'user_global',
    source: { url: `https://chatgpt.com/c/${i}`, platform: 'chatgpt', timestamp: createdAt, pageTitle: `Chat ${i}` },
    createdAt,
    updatedAt: createdAt,
    confidence: 0.7,
    tags: ['old', `tag ${i}`],
    embedding: [0.1, 0.2, 0.3],
  };
}
