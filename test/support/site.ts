/** The web site of the browser tests: one page, under a policy that is as strict as an extension's. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleForBrowser } from '../../build/browser-bundle.ts';

export interface Site extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, which is also its origin. */
  readonly url: string;
}

const root = join(import.meta.dirname, '../..');

/** No inline script, no code made of text, nothing from elsewhere; the server of the memories may be anywhere. */
const policy = "default-src 'self'; connect-src *";

/** Path → the script of its page. */
const scriptByPage = { '/': 'page', '/contract': 'store-contract' } as const;

const htmlOf = (script: string): string =>
  `<!doctype html><html lang="en"><title>Test</title><script type="module" src="/${script}.js"></script></html>`;

export async function startSite(): Promise<Site> {
  const scripts = await bundlePages();
  const server = createServer((request, response) => {
    const script = scripts.get(request.url ?? '');
    const page = scriptByPage[request.url as keyof typeof scriptByPage] ?? null;
    response.writeHead(script === undefined && page === null ? 404 : 200, {
      'content-type': script === undefined ? 'text/html' : 'text/javascript',
      'content-security-policy': policy,
    });
    response.end(script ?? (page === null ? '' : htmlOf(page)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** URL → script. */
async function bundlePages(): Promise<ReadonlyMap<string, Buffer>> {
  const outDir = await mkdtemp(join(tmpdir(), 'aibrain-page-'));
  const scripts = new Map<string, Buffer>();
  for (const name of Object.values(scriptByPage)) {
    // fast-check, which draws the values of the contract, asks for what the client does without.
    const options = name === 'page' ? {} : { define: {} };
    const entryPoints = { [name]: join(root, `test/browser/page/${name}.ts`) };
    await bundleForBrowser({ entryPoints, outDir, options });
    scripts.set(`/${name}.js`, await readFile(join(outDir, `${name}.js`)));
  }
  await rm(outDir, { recursive: true });
  return scripts;
}
