/** The page of the browser tests, and its functions as if they were here. */
import type { BrowserContext, Page } from 'playwright-core';
import type { PageApi } from '../browser/page/page.ts';

type Functions = Readonly<Record<string, (...args: never[]) => unknown>>;

export type Remote<Api extends Functions> = {
  readonly [Name in keyof Api]: (...args: Parameters<Api[Name]>) => Promise<Awaited<ReturnType<Api[Name]>>>;
} & { readonly page: Page };

export type RemotePage = Remote<PageApi>;

/** @param url of a page of the site that startSite serves. */
export async function openPage<Api extends Functions = PageApi>(context: BrowserContext, url: string): Promise<Remote<Api>> {
  const page = await context.newPage();
  await page.goto(url);
  return new Proxy({ page } as Remote<Api>, {
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
