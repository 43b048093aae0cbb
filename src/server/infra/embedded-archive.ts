/**
 * A folder as one file, and back: a tar (ustar), gzipped. One file because npm packs no empty folder, and PostgreSQL does
 * not start without some that are.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { syncDirectory } from './embedded-fs.ts';

const blockBytes = 512;
const filesAtOnce = 32;

interface Entry {
  readonly path: string;
  /** Absent for a folder. */
  readonly content?: Buffer;
}

export function packFolder(folder: string): Buffer {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory() || entry.isFile())
    .map((entry): Entry => {
      const full = join(entry.parentPath, entry.name);
      const path = full.slice(folder.length + 1).replaceAll('\\', '/');
      return entry.isFile() ? { path, content: readFileSync(full) } : { path };
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1)); // a folder comes before what is in it
  return gzipSync(Buffer.concat([...entries.flatMap(toBlocks), Buffer.alloc(2 * blockBytes)]));
}

/** Writes the folder, which must not exist. With `isDurable` every file and name in it is on the disk when this resolves. */
export async function unpackFolder(archive: Buffer, folder: string, isDurable: boolean): Promise<void> {
  const entries = readEntries(gunzipSync(archive));
  const folders = [folder, ...entries.filter((entry) => entry.content === undefined).map(({ path }) => join(folder, path))];
  for (const path of folders) await mkdir(path, { mode: 0o700 });
  const files = entries.filter((entry) => entry.content !== undefined);
  for (let at = 0; at < files.length; at += filesAtOnce) {
    await Promise.all(files.slice(at, at + filesAtOnce).map((entry) => writeEntry(folder, entry, isDurable)));
  }
  if (isDurable) folders.forEach(syncDirectory);
}

async function writeEntry(folder: string, { path, content }: Entry, isDurable: boolean): Promise<void> {
  const file = await open(join(folder, path), 'wx', 0o600);
  try {
    await file.writeFile(content ?? '');
    if (isDurable) await file.sync();
  } finally {
    await file.close();
  }
}

function toBlocks({ path, content }: Entry): Buffer[] {
  const header = Buffer.alloc(blockBytes);
  const size = content?.length ?? 0;
  header.write(path, 0, 100);
  header.write(content === undefined ? '0000700\0' : '0000600\0', 100);
  header.write('0000000\0'.repeat(2), 108);
  header.write(`${octal(size)} ${octal(0)} `, 124);
  header.write(`        ${content === undefined ? '5' : '0'}`, 148);
  header.write('ustar\x0000', 257);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
  return [header, content ?? Buffer.alloc(0), Buffer.alloc(paddedBytes(size) - size)];
}

function readEntries(tar: Buffer): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; tar[at] !== 0; ) {
    const path = tar.toString('utf8', at, tar.indexOf(0, at));
    const size = Number.parseInt(tar.toString('latin1', at + 124, at + 135), 8);
    const start = at + blockBytes;
    entries.push(tar[at + 156] === 0x35 ? { path } : { path, content: tar.subarray(start, start + size) });
    at = start + paddedBytes(size);
  }
  return entries;
}

const octal = (value: number): string => value.toString(8).padStart(11, '0');
const paddedBytes = (size: number): number => Math.ceil(size / blockBytes) * blockBytes;
