/** Every live memory of a user as a file, page by page: a page is read when the one before was taken. */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Memory } from '../../core/memory.ts';
import type { Queryable } from '../infra/database.ts';
import { readSnapshot } from '../read/read-snapshot.ts';
import { type ExportFormat, writeMemories } from './write-memories.ts';

export const exportFiles = {
  ndjson: { mediaType: 'application/x-ndjson', extension: 'ndjson' },
  json: { mediaType: 'application/json', extension: 'json' },
  markdown: { mediaType: 'text/markdown; charset=utf-8', extension: 'md' },
  csv: { mediaType: 'text/csv; charset=utf-8', extension: 'csv' },
} as const satisfies Readonly<Record<ExportFormat, { readonly mediaType: string; readonly extension: string }>>;

const pageSize = 500;

/**
 * By id, newest first. The pages are no single snapshot, which would hold a connection for as long as the slowest reader
 * takes; a memory that is written meanwhile is in the file as it was or as it is.
 */
export function exportMemories(db: Queryable, userId: UserId, format: ExportFormat): AsyncGenerator<string> {
  return writeMemories(livePages(db, userId), format);
}

async function* livePages(db: Queryable, userId: UserId): AsyncGenerator<readonly Memory[]> {
  for (let after: MemoryId | null = null, isLast = false; !isLast; ) {
    const page = await readSnapshot(db, { userId, after, maxMemories: pageSize });
    yield page.memories.filter((memory) => !memory.deleted && !memory.erased);
    after = page.memories.at(-1)?.id ?? null;
    isLast = page.isLast || after === null;
  }
}
