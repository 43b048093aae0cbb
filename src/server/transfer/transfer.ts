/** Files in and out. */

import type { UserId } from '../../core/ids.ts';
import type { Writer } from '../command/memory-commands.ts';
import { type ExportRequest, exportMemories } from './export-memories.ts';
import { type ImportDeps, type ImportReport, type IngestConversation, importRecords } from './import-records.ts';
import type { Bytes } from './item.ts';
import { type FileFormat, readItems } from './read-items.ts';
import { readZip } from './read-zip.ts';

export interface TransferDeps extends ImportDeps {
  readonly ingest: (writer: Writer) => IngestConversation;
}

export interface ImportRequest {
  /** Null: as the file shows. */
  readonly format: FileFormat | null;
  readonly deduplicate: boolean;
  /** Conversations become memories, in place of being kept turn by turn. */
  readonly ingest: boolean;
}

export interface Transfer {
  /** @throws UnknownFormat, and what the source throws; what was read before is written then. */
  importStream(writer: Writer, bytes: Bytes, request: ImportRequest): Promise<ImportReport>;
  /** A file on the disk: a zip must be one. A format other than `zip` is that of the files in it. */
  importZip(writer: Writer, path: string, request: ImportRequest): Promise<ImportReport>;
  exportAll(userId: UserId, request: ExportRequest): AsyncGenerator<string>;
}

export function createTransfer(deps: TransferDeps): Transfer {
  const optionsOf = (writer: Writer, { deduplicate, ingest }: ImportRequest) => ({
    deduplicate,
    ingest: ingest ? deps.ingest(writer) : null,
  });
  return {
    importStream: (writer, bytes, request) =>
      importRecords(deps, writer, readItems(bytes, request.format), optionsOf(writer, request)),
    importZip: (writer, path, request) =>
      importRecords(
        deps,
        writer,
        readZip(path, (bytes) => readItems(bytes, request.format === 'zip' ? null : request.format)),
        optionsOf(writer, request),
      ),
    exportAll: (userId, request) => exportMemories(deps.db, userId, request),
  };
}
