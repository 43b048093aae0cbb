/** The contract of the client's stores, on the IndexedDB of Chromium. */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { clientStoreContract } from '../contract/client-store.ts';
import { openPage, type Remote } from '../support/browser-page.ts';
import { type BrowserProfile, openBrowserProfile } from '../support/browser-profile.ts';
import { type Site, startSite } from '../support/site.ts';
import type { ContractApi } from './page/store-contract.ts';

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
    let small: Site;
    let smallPage: Remote<ContractApi>;

    beforeAll(async () => {
      // An origin of its own: the browser knows for a while how much room an origin had.
      small = await startSite();
      const first = await profile.context.newPage();
      const devtools = await profile.context.newCDPSession(first);
      const origin = small.url;
      await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 2_000_000 });
      smallPage = await openPage<ContractApi>(profile.context, `${small.url}/contract`);
      await smallPage.page.exposeFunction('setFullInPage', async (isFull: boolean) => {
        await devtools.send('Storage.overrideQuotaForOrigin', isFull ? { origin, quotaSize: 2_000_000 } : { origin });
      });
    });
    afterAll(() => small?.[Symbol.asyncDispose]());

    for (const { title, needsFull } of clientStoreContract) {
      if (needsFull === true) it(title, () => smallPage.prove(title));
    }
  });
});
