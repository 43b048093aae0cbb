/** The extension of examples/extension, loaded unpacked: captured, listed, offline, killed, revived, decided. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Locator, Page, Worker } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleExtension } from '../../build/bundle-extension.ts';
import type { Client } from '../../src/client/client-api.ts';
import { type BrowserProfile, openBrowserProfile } from '../support/browser-profile.ts';
import { until, useClients } from '../support/client.ts';
import { type CuttableProxy, startProxy } from '../support/proxy.ts';
import { startTestServer, type TestServer, testPassword } from '../support/server.ts';
import { type Site, startSite } from '../support/site.ts';

const root = join(import.meta.dirname, '../..');
/** What is read of it here. */
interface Account {
  readonly user: { readonly email: string };
  readonly refreshToken: string;
}

/** Follows from the key in the manifest. */
const extensionUrl = 'chrome-extension://bbeidgjipmoonnodneomopomkpnhefbp';

describe('the extension', () => {
  const newClient = useClients();
  let folder = '';
  let site: Site;
  let server: TestServer;
  let proxy: CuttableProxy;
  let profile: BrowserProfile;
  let panel: Page;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'aibrain-extension-'));
    await bundleExtension(root, folder);
    site = await startSite();
    await allowSite(folder, site.url);
    server = await startTestServer({ env: { CORS_ORIGIN: extensionUrl } });
    proxy = await startProxy({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
    profile = await openBrowserProfile({ extension: folder });
  });
  afterAll(async () => {
    await profile?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('[house] asks for no host, and for nothing that it does not use', async () => {
    const manifest = JSON.parse(await readFile(join(root, 'examples/extension/manifest.json'), 'utf8'));
    expect(manifest.permissions).toEqual(['storage', 'contextMenus', 'scripting', 'activeTab', 'sidePanel', 'alarms']);
    expect(Object.keys(manifest).filter((key) => /host_permissions|content_scripts|content_security_policy/.test(key))).toEqual(
      [],
    );
  });

  it('[house] registers at the server of its settings', async () => {
    const options = await open('options.html');
    await options.getByLabel('Server').fill(`http://127.0.0.1:${proxy.port}/`);
    await options.getByLabel('E-mail').fill('person@example.org');
    await options.getByLabel('Password').fill(testPassword);
    await options.getByRole('button', { name: 'Register' }).click();
    await options.getByText('person@example.org').waitFor();
    await options.getByText('In step').waitFor();
    await options.close();
    panel = await open('panel.html');
    await panel.getByText('In step').waitFor();
  });

  it('[house] remembers the selection of a page, with where it is from', async () => {
    const page = await profile.context.newPage();
    await page.goto(site.url);
    await select(page, 'Prefers tea\nin the morning');
    await chooseRememberThis(site.url);
    const card = panel.getByRole('listitem').filter({ hasText: 'Prefers tea' });
    await card.waitFor();
    expect(await textOf(card.locator('.content'))).toBe('Prefers tea\nin the morning');
    expect(await textOf(card.locator('.where'))).toBe('127.0.0.1');
    await select(page, 'Has two cats');
    await pressRememberKey(site.url);
    await cardOf('Has two cats').waitFor();
    await panel.getByText('2 memories').waitFor();
    const observer = await observe();
    await until(observer, () => observer.count() === 2);
    const [cats, tea] = observer.list({ order: 'created' });
    expect([cats?.content, tea?.content]).toEqual(['Has two cats', 'Prefers tea\nin the morning']);
    expect(tea?.source).toMatchObject({ url: `${site.url}/`, title: 'Test', platform: '127.0.0.1' });
    await page.close();
  });

  it('[house] lists by type, finds, adds, edits, deletes and takes back', async () => {
    // A page behind another one draws once a second.
    await panel.bringToFront();
    await panel.getByRole('button', { name: 'New memory' }).click();
    await panel.getByLabel('Content').fill('Finish the thesis');
    await panel.getByLabel('Type').selectOption('task');
    await panel.getByLabel('Tags').fill('work, writing');
    await panel.getByRole('button', { name: 'Remember' }).click();
    await cardOf('Finish the thesis').waitFor();
    await panel.locator('.chip[data-type=task]').click();
    expect(await panel.getByRole('listitem').count()).toBe(1);
    await panel.locator('.chip[data-type=""]').click();
    await panel.getByLabel('Search memories').fill('cats');
    await panel.getByText('1 found').waitFor();
    expect(await panel.getByRole('listitem').allTextContents()).toEqual([expect.stringContaining('Has two cats')]);
    await panel.getByLabel('Search memories').fill('');

    await cardOf('Has two cats').click();
    await panel.getByLabel('Content').fill('Has three cats');
    await panel.getByRole('button', { name: 'Save' }).click();
    await cardOf('Has three cats').waitFor();
    await panel.getByRole('button', { name: 'Undo' }).click();
    await cardOf('Has two cats').waitFor();
    await cardOf('Has two cats').focus();
    await panel.keyboard.press('Delete');
    await cardOf('Has two cats').waitFor({ state: 'detached' });
    await panel.keyboard.press('Control+z');
    await cardOf('Has two cats').waitFor();
  });

  it('[SYN-10] offline the icon says so and counts what waits; the list works', async () => {
    await panel.getByText('In step').waitFor();
    proxy.goAway();
    await panel.locator('.status.away').waitFor();
    await expect.poll(() => badge()).toBe('off');
    await add('Kept while offline');
    await panel.getByText('Offline · 1 change waits').waitFor();
    await expect.poll(() => badge()).toBe('1');
    await cardOf('Kept while offline').getByText('waits').waitFor();
  });

  it('[SYN-13] the worker is killed and revived; what waited is sent, once', async () => {
    const observer = await observe();
    await until(observer, () => observer.count() === 3);
    await panel.close();
    await (await worker()).evaluate(() => Object.assign(globalThis, { isOfBefore: true }));
    await stopWorker();
    proxy.comeBack();
    panel = await open('panel.html');
    await panel.getByText('In step').waitFor();
    await until(observer, () => observer.count() === 4);
    expect(observer.list().filter(({ content }) => content === 'Kept while offline')).toHaveLength(1);
    // The page woke the worker, which goes on when the page is closed.
    expect(await (await worker()).evaluate(() => 'isOfBefore' in globalThis)).toBe(false);
    const page = await profile.context.newPage();
    await page.goto(site.url);
    await select(page, 'Written after the worker was revived');
    await chooseRememberThis(site.url);
    await until(observer, () => observer.count() === 5);
    await expect.poll(() => badge()).toBe('');
    await page.close();
  });

  it('[MRG-3] a conflict is shown with both values, and decided in the popup', async () => {
    const observer = await observe();
    await until(observer, () => observer.count() === 5);
    const cats = observer.list().find(({ content }) => content === 'Has two cats');
    if (cats === undefined) throw new Error('the observer does not know the cats');
    await panel.bringToFront();
    proxy.goAway();
    await panel.locator('.status.away').waitFor();
    await cardOf('Has two cats').click();
    await panel.getByLabel('Content').fill('Has two cats and a dog');
    await panel.getByRole('button', { name: 'Save' }).click();
    await observer.update(cats.id, { content: 'Has two cats and a bird' });
    await observer.settled();
    proxy.comeBack();
    await panel.getByRole('button', { name: '1 conflict to decide' }).click();
    const conflict = panel.locator('.conflict');
    expect((await conflict.locator('.value').allTextContents()).sort()).toEqual([
      'Has two cats and a bird',
      'Has two cats and a dog',
    ]);
    expect(await conflict.locator('.writer').allTextContents()).toEqual([
      expect.stringMatching(/(now|ago)$/),
      expect.stringMatching(/(now|ago)$/),
    ]);
    const lost = await textOf(conflict.locator('.side.loser .value'));
    await conflict.getByRole('button', { name: 'Keep that' }).click();
    await panel.getByText('Nothing to decide').waitFor();
    await panel.keyboard.press('Escape');
    await cardOf(lost).waitFor();
    await until(observer, () => observer.get(cats.id)?.content === lost && observer.conflicts().length === 0);
  });

  it('[SYN-9] an ended session is said, and after the next login all goes on', async () => {
    const { token } = await logIn();
    await endOtherSessions(token);
    await panel.bringToFront();
    await panel.getByText('Log in again').waitFor();
    await add('Kept between two sessions');
    const options = await open('options.html');
    await options.getByLabel('Password').fill(testPassword);
    await options.getByRole('button', { name: 'Log in' }).click();
    await options.getByText('In step').waitFor();
    await panel.getByText('In step').waitFor();
    const observer = await observe();
    await until(observer, () => observer.list().some(({ content }) => content === 'Kept between two sessions'));
    await options.close();
  });

  it('[SYN-9] with several pages open an expired token is renewed once, and the session lives', async () => {
    const [before, used] = [await accountOf(), await countUsedTokens()];
    const pages = await Promise.all([open('panel.html'), open('options.html'), open('panel.html')]);
    await (await worker()).evaluate(async () => {
      const { account } = await chrome.storage.local.get<{ account: object }>('account');
      await chrome.storage.local.set({ account: { ...account, tokenExpiresAt: '2000-01-01T00:00:00Z' } });
    });
    proxy.goAway();
    await panel.locator('.status.away').waitFor();
    proxy.comeBack();
    for (const page of [panel, ...pages]) await page.getByText('In step').first().waitFor();
    const after = await accountOf();
    expect(after).toMatchObject({ user: before?.user });
    expect(after).not.toHaveProperty('isLoggedOut');
    expect(after?.refreshToken).not.toBe(before?.refreshToken);
    expect(await countUsedTokens()).toBe(used + 1);
    for (const page of pages) await page.close();
  });

  it('[house] brings in the database of an older extension', async () => {
    let options = await open('options.html');
    await options.evaluate(seedOldDatabase);
    await options.close();
    options = await open('options.html');
    await options.getByRole('button', { name: 'Bring them in' }).click();
    await options.getByText('2 brought in, of 3; 1 could not be:').waitFor();
    await options.close();
    await cardOf('old memory 1').waitFor();
    const observer = await observe();
    await until(observer, () => observer.list().some(({ content }) => content === 'old memory 2'));
  });

  it('[house] logging out takes the copy of this device away', async () => {
    const options = await open('options.html');
    await options.getByRole('button', { name: 'Log out' }).click();
    await options.getByText('Your server and account').waitFor();
    await panel.getByText('Nobody is logged in').waitFor();
    expect(await options.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))).toEqual(['MemoryLayerDB']);
    expect(await accountOf()).toBeUndefined();
  });

  async function open(path: string): Promise<Page> {
    const page = await profile.context.newPage();
    await page.setViewportSize({ width: 400, height: 580 });
    await page.goto(`${extensionUrl}/${path}`);
    return page;
  }

  async function worker(): Promise<Worker> {
    return profile.context.serviceWorkers()[0] ?? (await profile.context.waitForEvent('serviceworker'));
  }

  async function badge(): Promise<string> {
    return await (await worker()).evaluate(() => chrome.action.getBadgeText({}));
  }

  /** A native menu opens to no program, so the event that a click makes is made here. */
  async function chooseRememberThis(url: string): Promise<void> {
    await (await worker()).evaluate(async (pageUrl) => {
      const [tab] = await chrome.tabs.query({ url: `${pageUrl}/*` });
      const info = { menuItemId: 'remember-selection', frameId: 0, editable: false, pageUrl, selectionText: 'in one line' };
      (chrome.contextMenus.onClicked as unknown as { dispatch(...args: unknown[]): void }).dispatch(info, tab);
    }, url);
  }

  async function pressRememberKey(url: string): Promise<void> {
    await (await worker()).evaluate(async (pageUrl) => {
      const [tab] = await chrome.tabs.query({ url: `${pageUrl}/*` });
      (chrome.commands.onCommand as unknown as { dispatch(...args: unknown[]): void }).dispatch('remember-selection', tab);
    }, url);
  }

  async function stopWorker(): Promise<void> {
    const page = await open('options.html');
    const devtools = await profile.context.newCDPSession(page);
    const stopped = new Promise<void>((resolve) => {
      devtools.on('ServiceWorker.workerVersionUpdated', ({ versions }) => {
        if (versions.some(({ runningStatus }) => runningStatus === 'stopped')) resolve();
      });
    });
    await devtools.send('ServiceWorker.enable');
    await devtools.send('ServiceWorker.stopAllWorkers');
    await stopped;
    await page.close();
  }

  async function add(content: string): Promise<void> {
    await panel.getByRole('button', { name: 'New memory' }).click();
    await panel.getByLabel('Content').fill(content);
    await panel.getByRole('button', { name: 'Remember' }).click();
    await cardOf(content).waitFor();
  }

  const cardOf = (content: string): Locator => panel.getByRole('listitem').filter({ hasText: content });

  async function observe(): Promise<Client> {
    return await newClient({ url: server.url, token: (await logIn()).token });
  }

  async function logIn(): Promise<{ readonly token: string }> {
    const body = JSON.stringify({ email: 'person@example.org', password: testPassword });
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${server.url}/api/v1/auth/login`, { method: 'POST', headers, body });
    return (await response.json()) as { readonly token: string };
  }

  async function endOtherSessions(token: string): Promise<void> {
    const body = JSON.stringify({ current: testPassword, next: testPassword });
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const response = await fetch(`${server.url}/api/v1/auth/password`, { method: 'POST', headers, body });
    expect(response.status).toBe(204);
  }

  async function countUsedTokens(): Promise<number> {
    const text = 'select count(*)::int from refresh_tokens where used_at is not null';
    const [row] = await server.deps.db.query<{ count: number }>(text);
    return row?.count ?? 0;
  }

  async function accountOf(): Promise<Account | undefined> {
    return await (await worker()).evaluate(
      async () => (await chrome.storage.local.get<{ account?: Account }>('account')).account,
    );
  }
});

/** What a click of the person grants for one tab the manifest of the test grants for the site: no program can click there. */
async function allowSite(folder: string, siteUrl: string): Promise<void> {
  const path = join(folder, 'manifest.json');
  const manifest = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...manifest, host_permissions: [`${siteUrl.replace(/:\d+$/, '')}/*`] }));
}

async function select(page: Page, text: string): Promise<void> {
  await page.evaluate((selected) => {
    const element = document.createElement('pre');
    element.textContent = selected;
    document.body.replaceChildren(element);
    getSelection()?.selectAllChildren(element);
  }, text);
}

async function textOf(locator: Locator): Promise<string> {
  return (await locator.textContent()) ?? '';
}

/** Runs in a page of the extension. The third record has no content. */
async function seedOldDatabase(): Promise<void> {
  const opened = indexedDB.open('MemoryLayerDB', 1);
  opened.onupgradeneeded = () => opened.result.createObjectStore('memories', { keyPath: 'id' });
  await new Promise((resolve) => opened.addEventListener('success', resolve));
  const writing = opened.result.transaction('memories', 'readwrite');
  for (const i of [1, 2, 3]) {
    const content = i === 3 ? '' : `old memory ${i}`;
    const fields = { userId: 'local', type: 'fact', scope: 'user_global', tags: [], confidence: 0.5, embedding: [] };
    writing.objectStore('memories').put({ id: `old ${i}`, content, createdAt: i, updatedAt: i, ...fields });
  }
  await new Promise((resolve) => writing.addEventListener('complete', resolve));
  opened.result.close();
}
