/** The contract of the client's stores, on the IndexedDB of Chromium. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientStoreContract } from '../contract/client-store.ts';
import { openPage, type Remote } from '../support/browser-page.ts';
import { type BrowserProfile, openBrowserProfile } from '../support/browser-profile.ts';
import { type Site, startSite } from '../support/site.ts';
import type { ContractApi } from './page/store-contract.ts';

/** Bytes. A step of the contract that has to fail is larger. */
const smallQuota = 2_000_000;

describe('the contract of the stores, in Chromium', () => {
  let site: Site;
  let profile: BrowserProfile;
  let page: Remote<ContractApi>;

  beforeAll(async () => {
    site = await startSite();
    profile = await openBrowserProfile();
    page = await openPage<ContractApi>(profile.context, `${site.url}/contract`);
  });
  afterAll(async () => {
    await profile?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  for (const { title, needsFull } of clientStoreContract) {
    if (needsFull !== true) it(title, () => page.prove(title));
  }

  describe('on a disk that can be full', () => {
    let small: BrowserProfile;
    let smallPage: Remote<ContractApi>;

    beforeAll(async () => {
      // A browser of its own: it knows for a while how much room there was.
      small = await openBrowserProfile();
      const origin = site.url;
      const first = await small.context.newPage();
      const devtools = await small.context.newCDPSession(first);
      await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: smallQuota });
      smallPage = await openPage<ContractApi>(small.context, `${origin}/contract`);
      expect(await devtools.send('Storage.getUsageAndQuota', { origin })).toMatchObject({
        quota: smallQuota,
        overrideActive: true,
      });
      await smallPage.page.exposeFunction('setFullInPage', async (isFull: boolean) => {
        await devtools.send('Storage.overrideQuotaForOrigin', isFull ? { origin, quotaSize: smallQuota } : { origin });
      });
    });
    afterAll(() => small?.[Symbol.asyncDispose]());

    for (const { title, needsFull } of clientStoreContract) {
      if (needsFull === true) it(title, () => smallPage.prove(title));
    }
  });
});
