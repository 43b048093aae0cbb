/** The page of the browser tests, and its functions as if they were here. */
import type { BrowserContext, Page } from 'playwright-core';
import type { PageApi } from '../browser/page/page.ts';

export type RemotePage = {
  readonly [Name in keyof PageApi]: (...args: Parameters<PageApi[Name]>) => Promise<Awaited<ReturnType<PageApi[Name]>>>;
} & { readonly page: Page };

/** @param url of the site that startSite serves. */
export async function openPage(context: BrowserContext, url: string): Promise<RemotePage> {
  const page = await context.newPage();
  await page.goto(url);
  return remotePage(page);
}

export function remotePage(page: Page): RemotePage {
  return new Proxy({ page } as RemotePage, {
    get(target, name) {
      if (name === 'page') return target.page;
      // To be awaited, an object must not look like a promise.
      if (typeof name === 'symbol' || name === 'then') return undefined;
      return (...args: readonly unknown[]) => page.evaluate(callByName, [name, args] as const);
    },
  });
}

/** Runs in the page. What is evaluated by DevTools may make code of text; what a timer calls is under the policy of the page. */
async function callByName([name, args]: readonly [string, readonly unknown[]]): Promise<unknown> {
  await new Promise((resolve) => setTimeout(resolve));
  const { pageApi } = globalThis as unknown as {
    readonly pageApi: Readonly<Record<string, (...args: readonly unknown[]) => unknown>>;
  };
  const call = pageApi[name];
  if (call === undefined) throw new Error(`the page has no ${name}`);
  return call(...args);
}
