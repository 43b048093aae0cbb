/** The licences of the packages that a bundle carries: theirs ask to travel with the code, minified or not. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Metafile } from 'esbuild';

export async function noticesOf(metafile: Metafile, root: string): Promise<string> {
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  // What was read and left out altogether is not carried.
  const carried = inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const folders = new Set(carried.flatMap(([path]) => packageFolderOf(resolve(root, path))));
  const notices = await Promise.all([...folders].sort().map(noticeOf));
  return `${notices.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}

async function noticeOf(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
  const file = (await readdir(folder)).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} has no licence file`);
  return `${name} ${version} (${license})\n\n${(await readFile(join(folder, file), 'utf8')).trim()}`;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** The folder of the package that a file belongs to; nothing for our own files. */
function packageFolderOf(path: string): string[] {
  if (!path.includes('/node_modules/')) return [];
  let folder = dirname(path);
  while (!isPackage(folder)) folder = dirname(folder);
  return [folder];
}

/** Packages keep further, nameless package.json files in their folders. */
const isPackage = (folder: string): boolean =>
  /\/node_modules\/(@[^/]+\/)?[^/]+$/.test(folder) && existsSync(join(folder, 'package.json'));
