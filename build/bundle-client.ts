/** The published client, `aibrain-server/client`: its bundle, its types, and the licences of what is in it. */
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { bundleForBrowser } from './browser-bundle.ts';
import { noticesOf } from './notices.ts';

/** @returns the path of the bundle. */
export async function bundleClient(root: string, outDir: string): Promise<string> {
  const entryPoints = {
    index: join(root, 'src/client/index.ts'),
    // Apart: a page has IndexedDB, and every kilobyte counts there.
    'volatile-store': join(root, 'src/client/volatile-store.ts'),
  };
  const metafile = await bundleForBrowser({ entryPoints, outDir });
  await writeFile(join(outDir, 'NOTICES.txt'), await noticesOf(metafile, root));
  return resolve(outDir, 'index.js');
}
