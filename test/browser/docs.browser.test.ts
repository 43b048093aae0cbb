/** /docs in Chromium: from this server alone, within its own policy, and good for trying things out. */
import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BrowserProfile, openBrowserProfile } from '../support/browser-profile.ts';
import { readContract } from '../support/openapi.ts';
import { startTestServer, type TestServer, testPassword } from '../support/server.ts';

describe('[API-1] /docs', () => {
  let server: TestServer;
  let profile: BrowserProfile;
  let page: Page;
  const hosts = new Set<string>();
  const complaints: string[] = [];

  beforeAll(async () => {
    server = await startTestServer();
    profile = await openBrowserProfile();
    page = await openDocs();
  });
  afterAll(async () => {
    await profile?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  async function openDocs(): Promise<Page> {
    const opened = await profile.context.newPage();
    opened.on('request', (request) => void hosts.add(new URL(request.url()).host));
    opened.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    opened.on('pageerror', (error) => complaints.push(error.message));
    await opened.goto(`${server.url}/docs`);
    await opened.locator('.opblock').first().waitFor();
    return opened;
  }

  /** Opens the operation, writes the body and sends it. */
  async function execute(operationId: string, body?: object): Promise<string> {
    const block = page.locator('.opblock', {
      has: page.locator('.opblock-summary-operation-id', { hasText: new RegExp(`^${operationId}$`) }),
    });
    await block.locator('.opblock-summary-control').click();
    if (body !== undefined) await block.locator('textarea.body-param__text').fill(JSON.stringify(body));
    await block.locator('button.execute').click();
    return (await block.locator('.live-responses-table .response-col_status').last().textContent()) ?? '';
  }

  it('[API-1] shows every operation', async () => {
    const { operations } = await readContract(server.url);
    await expect.poll(() => page.locator('.opblock').count()).toBe(operations.size);
    expect(await page.title()).toMatch(/^AIBrain Server \d/);
    expect(await page.locator('.info .title').textContent()).toContain('AIBrain Server');
  });

  it('[API-1] tries one out', async () => {
    expect(await execute('getHealth')).toContain('200');
  });

  it('[API-1] is authorised by a login on the page', async () => {
    expect(await execute('listDevices')).toContain('401');
    expect(await execute('register', { email: `${randomUUID()}@example.org`, password: testPassword })).toContain('201');
    expect(await execute('getAccount')).toContain('200');
  });

  it('[API-1] takes a token that is pasted', async () => {
    const { token, user } = await server.register();
    page = await openDocs();
    await page.locator('button.authorize').first().click();
    await page.locator('.modal-ux input').fill(token);
    await page.locator('.modal-ux button.authorize').click();
    await page.locator('.modal-ux button.btn-done').click();
    expect(await execute('getAccount')).toContain('200');
    expect(await page.locator('.live-responses-table').first().textContent()).toContain(user.id);
  });

  it('[API-1] is light or dark, as the browser asks', async () => {
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.emulateMedia({ colorScheme: 'light' });
    const light = await background();
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(background).not.toBe(light);
  });

  it('[API-1] links to documents that are there', async () => {
    const links = await page.locator('header a').evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).href));
    expect(links.length).toBeGreaterThan(3);
    for (const link of links) expect((await fetch(link)).status, link).toBe(200);
  });

  it('[API-1] asks no other host, and breaks no rule of its policy', async () => {
    expect([...hosts]).toEqual([new URL(server.url).host]);
    expect(complaints.filter((text) => !/status of 401/.test(text))).toEqual([]);
  });

  it('[SEC-2] sends no file but its own', async () => {
    for (const path of ['/docs/..%2fpackage.json', '/docs/%2e%2e%2fpackage.json', '/docs/.env', '/docs/none.js', '/docs/%00']) {
      expect([400, 404], path).toContain((await fetch(server.url + path)).status);
    }
  });
});
