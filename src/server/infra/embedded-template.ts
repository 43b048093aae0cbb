/**
 * An empty PostgreSQL cluster as an archive, because making one takes seconds and unpacking one a fifth of a second. It
 * belongs to the build (`dist/embedded-template/`, one file per PGlite version); without it a cluster is made on the spot.
 */
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import { packFolder } from './embedded-archive.ts';

/** To be raised when this file makes the cluster in another way. */
const templateFormat = 1;

/** Makes the template file unless it is there. Concurrent builds do the work twice and agree on the result. */
export async function ensureTemplate(): Promise<{ readonly path: string; readonly isNew: boolean }> {
  const path = templatePath();
  if (existsSync(path)) return { path, isNew: false };
  const unfinished = `${path}.${process.pid}`;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(unfinished, await buildTemplate());
  await rename(unfinished, path);
  return { path, isNew: true };
}

/** The archive of an empty cluster: the built one, else one made now. */
export async function readTemplate(): Promise<Buffer> {
  const path = templatePath();
  return existsSync(path) ? await readFile(path) : await buildTemplate();
}

export async function buildTemplate(): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'aibrain-template-'));
  try {
    await initialise(folder);
    return packFolder(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Segments of 1 MB instead of 16 keep a new folder small, and let one count how much was written. */
async function initialise(folder: string): Promise<void> {
  const pg = await PGlite.create({
    fs: new NodeFS(folder),
    initDbStartParams: ['--wal-segsize=1'],
    startParams: [...PGlite.defaultStartParams, '-c', 'wal_recycle=off'],
  });
  // Nobody creates databases in an embedded cluster: without their templates it has a third of the files.
  for (const database of ['template1', 'template0']) {
    await pg.exec(`alter database ${database} is_template false`);
    await pg.exec(`drop database ${database}`);
  }
  await pg.exec('vacuum analyze');
  await pg.exec('checkpoint');
  await pg.close();
}

/** Says what the cluster was made with, as a part of a file name. */
export function templateKey(): string {
  return `pglite-${pgliteVersion()}-${templateFormat}`;
}

function templatePath(): string {
  return join(packageRoot(fileURLToPath(import.meta.url)), 'dist', 'embedded-template', `${templateKey()}.tar.gz`);
}

/** The same folder whether this runs from `src` or from `dist`. */
function packageRoot(file: string): string {
  let folder = dirname(file);
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder);
  return folder;
}

function pgliteVersion(): string {
  const root = packageRoot(createRequire(import.meta.url).resolve('@electric-sql/pglite'));
  const manifest: { readonly version: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return manifest.version;
}
