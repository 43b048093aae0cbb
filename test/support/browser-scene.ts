/** A site, a server that the site may call, and browsers. What was started is ended, also when something did not start. */
import { openPage, type RemotePage } from './browser-page.ts';
import { type BrowserProfile, openBrowserProfile } from './browser-profile.ts';
import { startTestServer, type TestServer } from './server.ts';
import { type Site, startSite } from './site.ts';

export interface BrowserScene extends AsyncDisposable {
  readonly site: Site;
  readonly server: TestServer;
  readonly profiles: readonly BrowserProfile[];
  /** A page of the site in the profile of this number. */
  openPage(profile?: number): Promise<RemotePage>;
}

export interface BrowserSceneOptions {
  /** Default: 1. */
  readonly profiles?: number;
}

export async function startBrowserScene({ profiles: count = 1 }: BrowserSceneOptions = {}): Promise<BrowserScene> {
  const started: AsyncDisposable[] = [];
  const keep = <T extends AsyncDisposable>(resource: T): T => {
    started.unshift(resource);
    return resource;
  };
  const end = async (): Promise<void> => {
    for (const resource of started.splice(0)) await resource[Symbol.asyncDispose]();
  };
  try {
    const site = keep(await startSite());
    const server = keep(await startTestServer({ env: { CORS_ORIGIN: site.url } }));
    const profiles: BrowserProfile[] = [];
    while (profiles.length < count) profiles.push(keep(await openBrowserProfile()));
    const open = (profile = 0) => openPage((profiles[profile] ?? noProfile(profile)).context, site.url);
    return { site, server, profiles, openPage: open, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

function noProfile(profile: number): never {
  throw new Error(`there is no profile ${profile}`);
}
