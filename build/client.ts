/** `npm run build:client`: writes dist/client/ and says what it weighs. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sizeToText } from './browser-bundle.ts';
import { bundleClient } from './bundle-client.ts';

const root = process.cwd();
const path = await bundleClient(root, join(root, 'dist/client'));
console.log(`dist/client/index.js: ${sizeToText(await readFile(path))}`);
