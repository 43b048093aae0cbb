/** `npm run build:extension`: writes dist/extension/, to be loaded unpacked. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sizeToText } from './browser-bundle.ts';
import { bundleExtension } from './bundle-extension.ts';

const root = process.cwd();
const outDir = join(root, 'dist/extension');
await bundleExtension(root, outDir);
const scripts = (await readdir(outDir)).filter((name) => name.endsWith('.js')).sort();
for (const name of scripts) console.log(`dist/extension/${name}: ${sizeToText(await readFile(join(outDir, name)))}`);
