/** The secret of a server that was given none: made once, kept in its data folder for its owner alone. */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const secretBytes = 32;

/** The secret in `<dataDir>/jwt-secret`, which is made when it is not there. */
export function keepJwtSecret(dataDir: string): Uint8Array {
  const path = join(dataDir, 'jwt-secret');
  return readSecret(path) ?? makeSecret(dataDir, path);
}

function readSecret(path: string): Uint8Array | null {
  try {
    const secret = Buffer.from(readFileSync(path, 'utf8').trim(), 'base64url');
    if (secret.length >= secretBytes) return secret;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  throw new Error(`${path} holds no secret of ${secretBytes} bytes: delete it, and everybody logs in again`);
}

/** Written aside and linked: a crash leaves the whole secret or none, and of two processes at once both use the first. */
function makeSecret(dataDir: string, path: string): Uint8Array {
  mkdirSync(dataDir, { recursive: true });
  const unfinished = `${path}.${process.pid}`;
  rmSync(unfinished, { force: true });
  writeSynced(unfinished, `${randomBytes(secretBytes).toString('base64url')}\n`);
  try {
    linkSync(unfinished, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  rmSync(unfinished);
  const secret = readSecret(path);
  if (secret === null) throw new Error(`${path} went away while it was made`);
  return secret;
}

function writeSynced(path: string, text: string): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
