/** Twenty thousand memories in one browser. The times are printed; what is asserted is that all of them are there, in order. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { wireLimits } from '../../src/protocol/limits.ts';
import type { RemotePage } from '../support/browser-page.ts';
import { type BrowserScene, startBrowserScene } from '../support/browser-scene.ts';

const size = 20_000;
const createdAt = Date.UTC(2026, 0, 1);

const contentOf = (i: number): string => `memory number ${i} of many`;
const newestFirst = Array.from({ length: size }, (_, i) => contentOf(size - 1 - i));

describe(`${size} memories`, () => {
  let scene: BrowserScene;
  let token = '';
  let page: RemotePage;

  beforeAll(async () => {
    scene = await startBrowserScene();
    ({ token } = await scene.server.register());
    page = await scene.openPage();
  });
  afterAll(() => scene?.[Symbol.asyncDispose]());

  it('[SYN-5] a cold sync brings all of them, and they are listed in order', async () => {
    await pushAll(scene.server.url, token);
    const synced = stopwatch(`cold sync of ${size}`);
    await page.open({ url: scene.server.url, token });
    await page.until({ count: size, status: { state: 'live' } });
    synced();
    const listed = stopwatch('a list of all, to the test');
    expect(await page.contents({ order: 'created' })).toEqual(newestFirst);
    listed();
  });

  it('[CST-1] after a reload they are there without the server', async () => {
    await page.page.reload();
    const opened = stopwatch(`opening ${size} from the disk`);
    await page.open({ url: 'http://127.0.0.1:9', token });
    opened();
    expect(await page.count()).toBe(size);
    expect(await page.contents({ order: 'created' })).toEqual(newestFirst);
    const found = stopwatch('a search on the device');
    expect((await page.search('number 12345')).results[0]?.memory.content).toBe(contentOf(12_345));
    found();
    expect(await page.stored()).toMatchObject({ rows: size, cursor: size });
  });
});

/** As a device without a socket pushes them. */
async function pushAll(url: string, token: string): Promise<void> {
  const device = randomUUID();
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
  for (let from = 0; from < size; from += wireLimits.maxOps) {
    const ops = Array.from({ length: wireLimits.maxOps }, (_, i) => opOf(from + i));
    const body = JSON.stringify({ device, firstCounter: from + 1, base: 0, ops });
    const response = await fetch(`${url}/api/v1/memories/sync/push`, { method: 'POST', headers, body });
    // Read in any case: a connection with an unread answer keeps the server from ending.
    const answer = await response.text();
    if (!response.ok) throw new Error(answer);
  }
}

function opOf(i: number) {
  const created = new Date(createdAt + i * 1_000).toISOString();
  const values = { content: contentOf(i), type: 'fact', scope: 'user_global', [`tags/tag ${i % 50}`]: true, createdAt: created };
  const patch = Object.entries(values).map(([register, value]) => ({ op: 'add', path: `/${register}`, value }));
  return { memoryId: randomUUID(), hlc: `${createdAt + i * 1_000}-0`, patch };
}

/** @returns prints what passed since. */
function stopwatch(what: string): () => void {
  const start = performance.now();
  return () => void process.stdout.write(`${what}: ${Math.round(performance.now() - start)} ms\n`);
}
