/** Which files the import's thread brings in, and which the server's. */
import { stat } from 'node:fs/promises';
import type { ImportThread } from './import-thread.ts';
import { peek } from './read-items.ts';
import type { Transfer } from './transfer.ts';

/** From here on a file is worth a thread: some hundred memories, or some tens with vectors. */
const threadFromBytes = 262_144;

/** Large files go to the thread; what asks a model waits for that, and stays. */
export function withImportThread(transfer: Transfer, thread: Pick<ImportThread, 'importStream' | 'importZip'>): Transfer {
  return {
    async importStream(writer, given, request) {
      if (request.ingest) return await transfer.importStream(writer, given, request);
      const { head, bytes } = await peek(given, threadFromBytes);
      return await (head.length < threadFromBytes ? transfer : thread).importStream(writer, bytes, request);
    },
    async importZip(writer, path, request) {
      const isLarge = !request.ingest && (await stat(path)).size >= threadFromBytes;
      return await (isLarge ? thread : transfer).importZip(writer, path, request);
    },
    exportAll: transfer.exportAll,
  };
}
