/** The memories of a user as a file, page by page: a page is read when the one before was taken. */
import type { UserId } from '../../core/ids.ts';
import type { Memory } from '../../core/memory.ts';
import type { Queryable } from '../infra/database.ts';
import { readSnapshotPages } from '../read/read-snapshot.ts';
import { type ExportFormat, writeMemories } from './write-memories.ts';

export const exportFiles = {
  ndjson: { mediaType: 'application/x-ndjson', extension: 'ndjson' },
  json: { mediaType: 'application/json', extension: 'json' },
  markdown: { mediaType: 'text/markdown; charset=utf-8', extension: 'md' },
  csv: { mediaType: 'text/csv; charset=utf-8', extension: 'csv' },
} as const satisfies Readonly<Record<ExportFormat, { readonly mediaType: string; readonly extension: string }>>;

const pageSize = 500;

export interface ExportRequest {
  readonly format: ExportFormat;
  /** Deleted ones too, and said to be; an import passes over them. What was erased is never there. */
  readonly withDeleted: boolean;
}

/**
 * By id, newest first. The pages are no single snapshot: it would hold a connection, of ten or on PGlite the only one, for as
 * long as the slowest reader takes. Ids never change, so each memory that is there all the time is in the file once, as it was
 * when its page was read, and one that is made or deleted meanwhile is there or not.
 */
export function exportMemories(db: Queryable, userId: UserId, { format, withDeleted }: ExportRequest): AsyncGenerator<string> {
  return writeMemories(pagesOf(db, userId, withDeleted), format);
}

async function* pagesOf(db: Queryable, userId: UserId, withDeleted: boolean): AsyncGenerator<readonly Memory[]> {
  for await (const memories of readSnapshotPages(db, userId, pageSize))
    yield memories.filter((memory) => !memory.erased && (withDeleted || !memory.deleted));
}
