/** What works behind the log: words, vectors, and the indexes of large users. */
import type { Access } from '../access/access.ts';
import type { Config } from '../config.ts';
import type { Embedder } from '../embed/embedder.ts';
import type { Hub } from '../fanout/hub.ts';
import type { Database } from '../infra/database.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createRecallWorker, type RecallWorker } from '../project/recall-worker.ts';
import { stepTexts } from '../project/texts.ts';
import { createVectorIndexes, type VectorIndexes } from '../project/vector-index.ts';
import type { Log } from './log.ts';
import { openMaintenance } from './open-database.ts';

export interface RecallDeps {
  readonly db: Database;
  readonly hub: Hub;
  /** Unix ms. */
  readonly now: () => number;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly access: Pick<Access, 'endedSessions'>;
}

export function startRecall(
  { db, hub, now, log, metrics, access }: RecallDeps,
  config: Config,
  embedder: Embedder,
): RecallWorker {
  const onError = (error: unknown): void => {
    metrics.recallFailed();
    log.warn({ err: error }, 'recall is behind and tries again');
  };
  const indexes = startVectorIndexes(db, config, (error) => log.warn({ err: error }, 'vector index not built'));
  access.endedSessions.listen(({ sessionId, deviceId }) => {
    // With neither, the user may be gone.
    if (sessionId === undefined && deviceId === undefined) void indexes?.sweep();
  });
  const worker = createRecallWorker({
    db,
    hub,
    embedder,
    now,
    random: Math.random,
    stepTexts: (userId) => stepTexts(db, userId),
    onEmbedded: metrics.embedded,
    onCaughtUp: (userId) => indexes?.soon(userId),
    onError,
  });
  metrics.countBehind(() => worker.queueLength());
  return worker;
}

/** PGlite has no user so large that it needs one. */
function startVectorIndexes(
  db: Database,
  { databaseUrl, databaseDirectUrl }: Config,
  onError: (error: unknown) => void,
): VectorIndexes | null {
  const url = databaseDirectUrl ?? databaseUrl;
  if (db.engine !== 'postgresql' || url === null) return null;
  const indexes = createVectorIndexes({ db, openMaintenance: () => openMaintenance(url), onError });
  void indexes.sweep();
  return indexes;
}
