/** Where this package is on the disk, whether it runs from `src` or from `dist`, and what is beside the code. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = findRoot(import.meta.dirname);

export const migrationsFolder: string = join(root, 'migrations');

/** Made by the build. */
export const docsFolder: string = join(root, 'dist/docs');

export function readVersion(): string {
  const manifest: { readonly version: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return manifest.version;
}

function findRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) || folder === dirname(folder) ? folder : findRoot(dirname(folder));
}
