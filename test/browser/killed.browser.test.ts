/** A browser that dies in the middle of a push: what its author was told is kept is there afterwards, each op once. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client-api.ts';
import type { BrowserProfile } from '../support/browser-profile.ts';
import { type BrowserScene, startBrowserScene } from '../support/browser-scene.ts';
import { until, useClients } from '../support/client.ts';
import { type CuttableProxy, startProxy } from '../support/proxy.ts';

type Kill = (profile: BrowserProfile) => Promise<void>;

const kills: readonly (readonly [string, Kill])[] = [
  ['the page crashes', crashPage],
  ['the browser process is killed', killBrowser],
];

describe('a browser that dies in mid-push', () => {
  const newClient = useClients();
  let scene: BrowserScene;
  let proxy: CuttableProxy;

  beforeAll(async () => {
    scene = await startBrowserScene();
    proxy = await startProxy({ host: '127.0.0.1', port: Number(new URL(scene.server.url).port) });
  });
  afterAll(async () => {
    await scene?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
  });

  it.each(kills)('[LOG-2] [SYN-3] %s, and is revived: every op is in the log exactly once', async (_, kill) => {
    const [profile] = scene.profiles;
    if (profile === undefined) throw new Error('there is no profile');
    const { token } = await scene.server.register();
    const url = `http://127.0.0.1:${proxy.port}`;
    const observer = await newClient({ url: scene.server.url, token });
    const name = `replica of ${token.slice(-8)}`;

    const page = await scene.openPage();
    const kept = createKept();
    await page.page.exposeFunction('keptInPage', kept.add);
    await page.open({ url, token, name });
    await page.createBurst({ from: 0, to: 60 });
    await page.settled();
    // The server takes in what comes and its answers do not arrive; then nothing passes at all, and more is written behind it.
    proxy.holdAnswers();
    page.createBurst({ from: 60, to: 400 }).catch(() => undefined);
    await until(observer, () => observer.count() > 60);
    proxy.hold();
    await kept.untilThereAre(80);
    expect((await page.status()).outbox).toBeGreaterThan(0);
    await kill(profile);
    proxy.letGo();

    const revived = await scene.openPage();
    await revived.open({ url, token, name });
    await revived.settled();
    const contents = await revived.contents();
    expect(contents.sort(byNumber)).toEqual(contents.map((_content, i) => `op ${i}`));
    expect(contents).toEqual(expect.arrayContaining(kept.all));
    expect(await revived.stored(name)).toMatchObject({ cursor: contents.length, rows: contents.length, outbox: 0 });
    await until(observer, () => observer.count() === contents.length && observer.status.state === 'live');
    expect(contentsOf(observer).sort(byNumber)).toEqual(contents);
  });
});

async function crashPage({ context }: BrowserProfile): Promise<void> {
  const page = context.pages().at(-1);
  if (page === undefined) throw new Error('there is no page to crash');
  const crashed = new Promise<void>((resolve) => page.once('crash', () => resolve()));
  const devtools = await context.newCDPSession(page);
  devtools.send('Page.crash').catch(() => undefined);
  await crashed;
}

async function killBrowser(profile: BrowserProfile): Promise<void> {
  await profile.kill();
  await profile.start();
}

/** What the page was told is kept. */
function createKept() {
  const all: string[] = [];
  let wake = (): void => {};
  return {
    all,
    add(content: string): void {
      all.push(content);
      wake();
    },
    async untilThereAre(count: number): Promise<void> {
      while (all.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

const contentsOf = (client: Client): string[] => client.list().map(({ content }) => content);

const byNumber = (a: string, b: string): number => Number(a.slice(3)) - Number(b.slice(3));
