/** The folder of the embedded database, before it is opened: there, ours, with room, and nobody else's now. */
import { constants, existsSync } from 'node:fs';
import { access, mkdtemp, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DataDirInUse, lockDataDir } from '../infra/embedded-lock.ts';
import { freeBytes, minFreeBytes } from '../infra/readiness.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

const name = 'data folder';
/** Below it one should begin to worry, bytes. */
const scarceBytes = 1_073_741_824;

export interface EmbeddedFolder {
  readonly findings: readonly Finding[];
  /** There is a database in it, and it can be opened. */
  readonly canBeOpened: boolean;
}

export async function lookAtFolder(dataDir: string): Promise<EmbeddedFolder> {
  if (!(await isFolder(dataDir))) return { findings: [await lookAtParent(dataDir)], canBeOpened: false };
  if (!(await isWritable(dataDir))) {
    const fix = 'give it to the user who runs the server (chown), or set DATA_DIR to another';
    return { findings: [fail(name, `${dataDir} cannot be written to`, fix)], canBeOpened: false };
  }
  const space = await lookAtSpace(dataDir);
  const lock = lookAtLock(dataDir);
  const isThere = await isFolder(join(dataDir, 'postgres'));
  const found = ok(name, `${dataDir} ${isThere ? 'holds a database' : 'is empty: the first start makes the database'}`);
  return { findings: [found, space, ...(lock === null ? [] : [lock])], canBeOpened: isThere && lock === null };
}

async function lookAtParent(dataDir: string): Promise<Finding> {
  for (let parent = dirname(resolve(dataDir)); ; parent = dirname(parent)) {
    if (await isWritable(parent)) return ok(name, `${dataDir} is not there: the first start makes it`);
    if (existsSync(parent)) {
      return fail(
        name,
        `${dataDir} cannot be made in ${parent}`,
        'make it for the user who runs the server, or set DATA_DIR to another',
      );
    }
  }
}

async function lookAtSpace(dataDir: string): Promise<Finding> {
  const free = await freeBytes(dataDir);
  const shown = `${Math.floor(free / 1_048_576)} MB are free`;
  if (free < minFreeBytes)
    return fail('disk', shown, 'make room: without it nothing can be written, and the server is not ready');
  return free < scarceBytes ? warn('disk', shown, 'make room, or move DATA_DIR to a larger disk') : ok('disk', shown);
}

function lookAtLock(dataDir: string): Finding | null {
  try {
    lockDataDir(dataDir).release();
    return null;
  } catch (error) {
    if (!(error instanceof DataDirInUse)) throw error;
    const fix = 'that is the running server, as a rule: ask its /ready, or stop it to have its database looked at here';
    return warn(name, `${dataDir} is in use by another process`, fix);
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** Tried for real: permission bits say little on mounted and read-only file systems. */
async function isWritable(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK);
    await rmdir(await mkdtemp(join(folder, '.doctor-')));
    return true;
  } catch {
    return false;
  }
}
