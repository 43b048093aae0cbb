/** The thread that brings in large files: to the log it is one more node, with an append and connections of its own. */
import { setImmediate as breathe } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { v7 } from 'uuid';
import type { MemoryId } from '../core/ids.ts';
import { createAppend } from './command/append.ts';
import { defaultGroupLimits } from './command/group-commit.ts';
import type { PlanTally } from './command/user-plan.ts';
import { createHub } from './fanout/hub.ts';
import { openPostgres, type PostgresOptions } from './infra/postgres.ts';
import { createKeepEmbeddings } from './project/own-embeddings.ts';
import type { FromImportThread } from './transfer/import-messages.ts';
import { serveImports } from './transfer/import-thread-side.ts';
import { createTransfer } from './transfer/transfer.ts';

/** What the server's thread hands over. */
export interface ImportThreadData {
  readonly postgres: PostgresOptions;
  readonly statements: 'users' | 'user';
  /** Of the server's own embedder. */
  readonly model: string;
}

/** Nobody waits here for a turn of the event loop, so a group may be of one user. */
const wholeGroups = { ...defaultGroupLimits, userOps: defaultGroupLimits.groupOps, queuedUserOps: defaultGroupLimits.queuedOps };

/** One for the group, one for what is read ahead of the next, one for vectors. */
const poolSize = 3;

const { postgres, statements, model } = workerData as ImportThreadData;
const port = parentPort;
if (port === null) throw new Error('import-thread-main runs as a thread of the server');

const opened = open();
const stop = async (): Promise<void> => {
  await opened.then(({ db }) => db.close()).catch(() => {});
  process.exit();
};
// Whoever waits is told; the next import starts another thread.
opened.catch(() => setImmediate(() => void stop()));
serveImports(
  port,
  {
    importStream: async (...given) => (await opened).transfer.importStream(...given),
    importZip: async (...given) => (await opened).transfer.importZip(...given),
  },
  () => void stop(),
);

async function open() {
  const db = await openPostgres({ ...postgres, poolSize });
  const hub = createHub();
  hub.onCommit((userId, head) => port?.postMessage({ kind: 'committed', userId, head } satisfies FromImportThread));
  const watch = { onTally: (tally: PlanTally) => port?.postMessage({ kind: 'tally', tally } satisfies FromImportThread) };
  const append = createAppend({ db, hub, now: Date.now, watch }, { statements, limits: wholeGroups });
  const transfer = createTransfer({
    db,
    append,
    newId: () => v7() as MemoryId,
    now: Date.now,
    breathe: () => breathe(),
    keepEmbeddings: createKeepEmbeddings(db, model),
    ingest: () => () => Promise.reject(new Error('what asks a model stays with the server')),
  });
  return { db, transfer };
}
