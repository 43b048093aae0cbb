/** One process, and one Database in it, per data folder. */
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock } from 'fs-native-extensions';

/** The data folder is open already, in this process or another. */
export class DataDirInUse extends Error {
  override readonly name = 'DataDirInUse';

  constructor(dataDir: string, owner: string) {
    super(
      `the data folder ${dataDir} is in use${owner === '' ? '' : ` by process ${owner}`}: ` +
        'stop that server first, or give this one a folder of its own, or use PostgreSQL for several processes',
    );
  }
}

export interface DataDirLock {
  release(): void;
}

/**
 * Takes the kernel's lock on `<dataDir>/lock` (an open-file-description lock: a second one of the same process is refused
 * too). The kernel lets go of it when the process ends, however it ends; the file itself stays and says nothing.
 *
 * @throws DataDirInUse
 */
export function lockDataDir(dataDir: string): DataDirLock {
  mkdirSync(dataDir, { recursive: true });
  const path = join(dataDir, 'lock');
  const fd = openSync(path, 'a+', 0o600);
  if (!tryLock(fd)) {
    closeSync(fd);
    throw new DataDirInUse(dataDir, readOwner(path));
  }
  ftruncateSync(fd);
  writeSync(fd, `${process.pid}\n`);
  return { release: () => closeSync(fd) };
}

function readOwner(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return ''; // Windows lets nobody read a locked file.
  }
}
