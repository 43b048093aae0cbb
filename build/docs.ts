/** `npm run build:docs`: writes dist/docs/, what the server shows under /docs. */
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleForBrowser } from './browser-bundle.ts';

const root = process.cwd();
const outDir = join(root, 'dist/docs');
const swaggerUi = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/swagger-ui.css')));
const page = join(root, 'build/docs-page');

await rm(outDir, { recursive: true, force: true });
await mkdir(outDir, { recursive: true });
await bundleForBrowser({ entryPoints: { 'docs-page': join(page, 'docs-page.ts') }, outDir });
await cp(join(page, 'docs-page.css'), join(outDir, 'docs-page.css'));
for (const name of ['swagger-ui.css', 'swagger-ui-bundle.js', 'swagger-ui-bundle.js.LICENSE.txt']) {
  await cp(join(swaggerUi, name), join(outDir, name));
}
// Its licence asks to travel with it.
for (const name of ['LICENSE', 'NOTICE']) await cp(join(swaggerUi, name), join(outDir, `swagger-ui.${name}.txt`));
const texts = (await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md'));
for (const name of texts) await cp(join(root, 'docs', name), join(outDir, name));
console.log(`dist/docs/: Swagger UI and ${texts.length} documents`);
