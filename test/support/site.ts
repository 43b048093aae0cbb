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

const html = '<!doctype html><html lang="en"><title>Test</title><script type="module" src="/page.js"></script></html>';

export async function startSite(): Promise<Site> {
  const script = await bundlePage();
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js';
    const isPage = request.url === '/';
    response.writeHead(isScript || isPage ? 200 : 404, {
      'content-type': isScript ? 'text/javascript' : 'text/html',
      'content-security-policy': policy,
    });
    response.end(isScript ? script : isPage ? html : '');
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

async function bundlePage(): Promise<Buffer> {
  const outDir = await mkdtemp(join(tmpdir(), 'aibrain-page-'));
  await bundleForBrowser({
    entryPoints: { page: join(root, 'test/browser/page/page.ts') },
    outDir,
    options: { sourcemap: false },
  });
  const script = await readFile(join(outDir, 'page.js'));
  await rm(outDir, { recursive: true });
  return script;
}
