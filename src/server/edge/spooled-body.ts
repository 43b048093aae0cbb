/** A body on the disk while a request needs it there. */
import { createWriteStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

export interface SpooledBody extends AsyncDisposable {
  readonly path: string;
  /** Its first and last bytes. */
  ends(bytes: number): Promise<{ readonly first: string; readonly last: string }>;
}

export async function spoolBody(body: AsyncIterable<Uint8Array>): Promise<SpooledBody> {
  const folder = await mkdtemp(join(tmpdir(), 'aibrain-import-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const path = join(folder, 'body');
  try {
    await pipeline(body, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    await remove();
    throw error;
  }
  return { path, ends: (bytes) => readEnds(path, bytes), [Symbol.asyncDispose]: remove };
}

async function readEnds(path: string, bytes: number) {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const first = await file.read(Buffer.alloc(bytes), 0, bytes, 0);
    const last = await file.read(Buffer.alloc(bytes), 0, bytes, Math.max(0, size - bytes));
    return {
      first: first.buffer.toString('latin1', 0, first.bytesRead),
      last: last.buffer.toString('latin1', 0, last.bytesRead),
    };
  } finally {
    await file.close();
  }
}
