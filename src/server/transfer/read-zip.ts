/** The files of a zip that can hold memories, each read as a stream. Nothing is written to a disk under a name of the zip. */
import { open as openFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type Entry, open, type ZipFile } from 'yauzl';
import { detectContainer } from './detect-format.ts';
import { type Bytes, fault, type Item, transferLimits } from './item.ts';
import { UnknownFormat } from './read-items.ts';

export const zipLimits = {
  entries: 20_000,
  /** Unpacked bytes to one packed byte; JSON and text reach about 20. */
  ratio: 200,
  /** Below this the ratio says nothing. */
  ratioFromBytes: 1_048_576,
} as const;

const wanted = /^(?:conversations(?:-\d+)?\.json|memories\.json|.+\.(?:ndjson|jsonl|csv|md))$/i;

export type ReadFile = (bytes: Bytes, name: string) => AsyncIterable<readonly Item[]>;

/** By its first bytes, whatever it is called. */
export async function isZipFile(path: string): Promise<boolean> {
  const file = await openFile(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    return detectContainer(buffer.subarray(0, bytesRead)) === 'zip';
  } finally {
    await file.close();
  }
}

export async function* readZip(path: string, readFile: ReadFile): AsyncGenerator<readonly Item[]> {
  let index = 0;
  let unpacked = 0;
  let files = 0;
  const failed = (message: string, place: string): readonly Item[] => [{ ...fault('', message), index: index++, place }];
  let zip: ZipFile;
  try {
    zip = await openZip(path);
  } catch {
    return yield failed('the file is no zip', 'the zip');
  }
  try {
    if (zip.entryCount > zipLimits.entries) return yield failed(`has more than ${zipLimits.entries} files`, 'the zip');
    for await (const entry of entriesOf(zip)) {
      if (!wanted.test(basename(entry.fileName))) continue;
      files++;
      unpacked += entry.uncompressedSize;
      const problem = whyRefused(entry, unpacked);
      if (problem !== null) {
        yield failed(problem, entry.fileName);
        continue;
      }
      const from = index;
      try {
        for await (const items of readFile(await openEntry(zip, entry), entry.fileName)) {
          const placed = items.map((item) => ({ ...item, index: from + item.index, place: `${entry.fileName}, ${item.place}` }));
          index = Math.max(index, ...placed.map((item) => item.index + 1));
          yield placed;
        }
      } catch (error) {
        if (!(error instanceof UnknownFormat)) throw error;
        yield failed(error.message, entry.fileName);
      }
    }
  } catch (error) {
    // Of its bytes or names: a wrong length, a wrong checksum, a path that leads out of it.
    if (!(error instanceof Error)) throw error;
    return yield failed('the zip is damaged from here on', 'the zip');
  } finally {
    zip.close();
  }
  if (files === 0) yield failed('the zip holds no file with memories or conversations', 'the zip');
}

function whyRefused(entry: Entry, unpacked: number): string | null {
  if (entry.isEncrypted()) return 'is encrypted';
  if (unpacked > transferLimits.fileBytes) return `the zip unpacks to more than ${transferLimits.fileBytes} bytes`;
  const isBomb =
    entry.uncompressedSize > zipLimits.ratioFromBytes && entry.uncompressedSize > zipLimits.ratio * entry.compressedSize;
  return isBomb ? 'is packed too tightly to be a file of memories' : null;
}

const openZip = (path: string): Promise<ZipFile> =>
  new Promise((resolve, reject) =>
    open(path, { lazyEntries: true, autoClose: false }, (error, zip) => (error === null ? resolve(zip) : reject(error))),
  );

const openEntry = (zip: ZipFile, entry: Entry): Promise<Bytes> =>
  new Promise((resolve, reject) =>
    zip.openReadStream(entry, (error, stream) => (error === null ? resolve(stream) : reject(error))),
  );

async function* entriesOf(zip: ZipFile): AsyncGenerator<Entry> {
  for (;;) {
    const entry = await new Promise<Entry | null>((resolve, reject) => {
      const done = (work: () => void): void => {
        zip.off('entry', onEntry).off('end', onEnd).off('error', onError);
        work();
      };
      const onEntry = (found: Entry): void => done(() => resolve(found));
      const onEnd = (): void => done(() => resolve(null));
      const onError = (error: Error): void => done(() => reject(error));
      zip.on('entry', onEntry).on('end', onEnd).on('error', onError);
      zip.readEntry();
    });
    if (entry === null) return;
    yield entry;
  }
}
