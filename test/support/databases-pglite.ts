/** Data folders in the temporary directory, unpacked from a migrated template that is made once per machine. */
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitForLock } from 'fs-native-extensions';
import { openEmbedded } from '../../src/server/infra/embedded.ts';
import { packFolder, unpackFolder } from '../../src/server/infra/embedded-archive.ts';
import { templateKey } from '../../src/server/infra/embedded-template.ts';
import { migrate } from '../../src/server/infra/migrate.ts';
import { migrationsFolder, migrationsKey } from './migrations.ts';
import type { TestDatabase } from './test-database.ts';

/** A data folder in which nothing but an empty cluster is; the caller removes it. */
export async function createTestFolder(key = 'empty'): Promise<string> {
  const place = await mkdtemp(join(tmpdir(), 'aibrain-test-'));
  await unpackFolder(await readTestTemplate(key), join(place, 'postgres'), false);
  return place;
}

export async function openTestFolder(isEmpty: boolean): Promise<TestDatabase> {
  const place = await createTestFolder(isEmpty ? 'empty' : migrationsKey());
  const db = await openEmbedded({ dataDir: place });
  return {
    db,
    fenced: db,
    place,
    async [Symbol.asyncDispose]() {
      await db.close();
      await rm(place, { recursive: true, force: true });
    },
  };
}

async function readTestTemplate(key: string): Promise<Buffer> {
  const path = join(tmpdir(), `aibrain-test-template-${templateKey()}-${key}.tar.gz`);
  if (!existsSync(path)) await underLock(`${path}.lock`, () => makeTestTemplate(path, key !== 'empty'));
  return await readFile(path);
}

async function makeTestTemplate(path: string, isMigrated: boolean): Promise<void> {
  if (existsSync(path)) return; // Another test file made it while this one waited.
  const folder = await mkdtemp(join(tmpdir(), 'aibrain-test-template-'));
  const db = await openEmbedded({ dataDir: folder });
  if (isMigrated) await migrate(db, migrationsFolder);
  await db.close();
  const unfinished = `${path}.${process.pid}`;
  await writeFile(unfinished, packFolder(join(folder, 'postgres')));
  await rename(unfinished, path);
  await rm(folder, { recursive: true, force: true });
}

async function underLock(path: string, work: () => Promise<void>): Promise<void> {
  const fd = openSync(path, 'a+');
  try {
    await waitForLock(fd);
    await work();
  } finally {
    closeSync(fd);
  }
}
