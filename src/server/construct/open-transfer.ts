/** Files in and out, with the thread that brings in large ones. */
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { MemoryId } from '../../core/ids.ts';
import type { GroupCommit } from '../command/group-commit.ts';
import type { Writer } from '../command/memory-commands.ts';
import type { Config } from '../config.ts';
import type { Hub } from '../fanout/hub.ts';
import type { ImportThreadData } from '../import-thread-main.ts';
import type { Database } from '../infra/database.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { builtFolder } from '../package.ts';
import { createKeepEmbeddings } from '../project/own-embeddings.ts';
import type { IngestedConversation } from '../transfer/import-records.ts';
import { createImportThread, type ImportThread } from '../transfer/import-thread.ts';
import type { FileConversation } from '../transfer/item.ts';
import { createTransfer, type Transfer } from '../transfer/transfer.ts';
import { toIngestRequest } from '../transfer/turns.ts';
import { withImportThread } from '../transfer/with-import-thread.ts';
import type { Log } from './log.ts';
import { postgresOptions } from './open-database.ts';

export interface ServerTransferDeps {
  readonly db: Database;
  readonly hub: Hub;
  readonly append: GroupCommit;
  readonly ingest: Ingest;
  readonly newId: () => MemoryId;
  /** Unix ms. */
  readonly now: () => number;
  readonly log: Log;
  readonly metrics: Pick<Metrics, 'append'>;
}

export interface ServerTransfer {
  readonly transfer: Transfer;
  /** Waits for the imports of the thread. */
  stop(): Promise<void>;
}

/** @param model of the server's own embedder. */
export function openTransfer(deps: ServerTransferDeps, config: Config, model: string): ServerTransfer {
  const { db, append, newId, now } = deps;
  const thread = importThreadOf(deps, config, model);
  const transfer = createTransfer({
    db,
    append,
    newId,
    now,
    breathe,
    keepEmbeddings: createKeepEmbeddings(db, model),
    ingest: (writer) => (conversation) => ingestFromFile(deps, writer, conversation),
  });
  return {
    transfer: thread === null ? transfer : withImportThread(transfer, thread),
    stop: async () => await thread?.stop(),
  };
}

/** PGlite is in this thread. */
function importThreadOf(
  { db, hub, log, metrics }: Pick<ServerTransferDeps, 'db' | 'hub' | 'log' | 'metrics'>,
  config: Config,
  model: string,
): ImportThread | null {
  const postgres = postgresOptions(config);
  if (db.engine !== 'postgresql' || postgres === null) return null;
  const workerData: ImportThreadData = { postgres, statements: config.groupCommit, model };
  return createImportThread({
    start: () => new Worker(join(builtFolder, 'src/server/import-thread-main.js'), { workerData }),
    onCommitted: hub.committedUnseen,
    onTally: metrics.append.committed,
    onError: (error) => log.error({ err: error }, 'the import thread ended'),
  });
}

async function ingestFromFile(
  { ingest, log }: Pick<ServerTransferDeps, 'ingest' | 'log'>,
  writer: Writer,
  conversation: FileConversation,
): Promise<IngestedConversation> {
  const report = await ingest.ingest(writer, { ...toIngestRequest(conversation), dryRun: false });
  if (!report.ok) log.warn({ failure: report.error }, 'a conversation of a file was not read');
  if (!report.ok) return { fault: { code: report.error.code, path: '', message: 'the conversation was not read' } };
  const { created, updated, skipped } = report.value;
  return { created: created.length, updated: updated.length, skipped: skipped.length };
}
