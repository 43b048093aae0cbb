/** The extension of examples/extension as Chromium loads it unpacked. */
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleForBrowser } from './browser-bundle.ts';
import { iconPng, iconSvg, liveColors, offlineColors } from './extension-icon.ts';
import { noticesOf } from './notices.ts';

/** What is copied as it is. */
const assets = /[.](html|css)$/;

const iconSizes = [16, 32, 48, 128];

export async function bundleExtension(root: string, outDir: string): Promise<void> {
  const source = join(root, 'examples/extension');
  await rm(outDir, { recursive: true, force: true });
  await mkdir(join(outDir, 'icons'), { recursive: true });
  const entryPoints = Object.fromEntries(
    ['service-worker', 'panel', 'options'].map((name) => [name, join(source, `${name}.ts`)]),
  );
  // What the pages and the worker have in common is loaded once.
  const metafile = await bundleForBrowser({ entryPoints, outDir, options: { splitting: true, chunkNames: 'shared-[hash]' } });
  await writeFile(join(outDir, 'NOTICES.txt'), await noticesOf(metafile, root));
  const files = (await readdir(source)).filter((name) => assets.test(name));
  await Promise.all(files.map((name) => cp(join(source, name), join(outDir, name))));
  await writeManifest(root, source, outDir);
  await writeIcons(join(outDir, 'icons'));
}

async function writeManifest(root: string, source: string, outDir: string): Promise<void> {
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { readonly version: string };
  const manifest = JSON.parse(await readFile(join(source, 'manifest.json'), 'utf8')) as object;
  await writeFile(join(outDir, 'manifest.json'), `${JSON.stringify({ ...manifest, version }, null, 2)}\n`);
}

async function writeIcons(folder: string): Promise<void> {
  const kinds = Object.entries({ live: liveColors, offline: offlineColors });
  await Promise.all(
    kinds.flatMap(([name, colors]) => [
      writeFile(join(folder, `${name}.svg`), iconSvg(colors)),
      ...iconSizes.map((size) => writeFile(join(folder, `${name}-${size}.png`), iconPng(size, colors))),
    ]),
  );
}
