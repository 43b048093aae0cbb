/** The contract of the client's stores, on the IndexedDB of Chromium. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { clientStoreContract } from '../contract/client-store.ts';
import { openPage, type RemotePage } from '../support/browser-page.ts';
import { type BrowserProfile, openBrowserProfile } from '../support/browser-profile.ts';
import { type Site, startSite } from '../support/site.ts';

describe('the contract of the stores, in Chromium', () => {
  let site: Site;
  let profile: BrowserProfile;
  let page: RemotePage;

  beforeAll(async () => {
    site = await startSite();
    profile = await openBrowserProfile();
    page = await openPage(profile.context, site.url);
  });
  afterAll(async () => {
    await profile?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  for (const { title, needsFull } of clientStoreContract) {
    if (needsFull !== true) it(title, () => page.proveContract(title));
  }
});
