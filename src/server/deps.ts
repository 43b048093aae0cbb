/** The only place that constructs what the server is made of; what takes more than a call is in construct/. */
import { v7 } from 'uuid';
import type { MemoryId } from '../core/ids.ts';
import { type Access, createAccess } from './access/access.ts';
import { deleteStaleAttempts } from './access/login-attempts.ts';
import type { TokenKeys } from './access/token-keys.ts';
import type { Admission } from './admission/admission.ts';
import { createAppend } from './command/append.ts';
import { type Collector, createCollector } from './command/collector.ts';
import type { GroupCommit } from './command/group-commit.ts';
import { createMemoryCommands, type MemoryCommands } from './command/memory-commands.ts';
import { createPushOps, type PushOps } from './command/push-ops.ts';
import type { Config } from './config.ts';
import type { Log } from './construct/log.ts';
import { openAdmission } from './construct/open-admission.ts';
import { awaitDatabase, migrateDirectly, readSchemaVersion } from './construct/open-database.ts';
import { openProvider } from './construct/open-provider.ts';
import { openTransfer } from './construct/open-transfer.ts';
import { readTokenKeys } from './construct/read-token-keys.ts';
import { startNodes } from './construct/start-nodes.ts';
import { startRecall } from './construct/start-recall.ts';
import { createDraining, type Draining } from './edge/draining.ts';
import type { MemoryVectors } from './edge/http-memories.ts';
import { createEmbedders } from './embed/embedders.ts';
import { createLexicalEmbedder } from './embed/lexical-embedder.ts';
import { createHub, type Hub } from './fanout/hub.ts';
import type { NodeHints } from './fanout/node-hints.ts';
import type { Database } from './infra/database.ts';
import { type DegradedPart, degradedParts, type MissingPart, missingParts } from './infra/readiness.ts';
import type { RedisDoor } from './infra/redis.ts';
import { assertFenced } from './infra/row-security.ts';
import { createIngest, type Ingest } from './ingest/ingest.ts';
import { createSimilarBySearch } from './ingest/similar-by-search.ts';
import { createMetrics, type Metrics } from './metrics/metrics.ts';
import { watchAppend } from './observe/watch-append.ts';
import { watchDatabase } from './observe/watch-database.ts';
import { watchAccesses, watchIngest, watchSearcher, watchTransfer } from './observe/watch-reads.ts';
import { watchState } from './observe/watch-state.ts';
import { docsFolder, readVersion } from './package.ts';
import { keepOwnVectors, ownVectorModel } from './project/own-vectors.ts';
import type { RecallWorker } from './project/recall-worker.ts';
import { type AccessCounts, startAccessCounts } from './read/access-counts.ts';
import { createMemoryReader, type MemoryReader } from './read/memory-reader.ts';
import { nearestMemories } from './read/nearest.ts';
import { readEmbedded } from './read/read-embedded.ts';
import { createSearcher, type Searcher } from './read/search.ts';
import { readServingModel } from './read/serving-model.ts';
import type { Tracing, TracingOptions } from './tracing/tracing.ts';
import type { Transfer } from './transfer/transfer.ts';

export interface Deps {
  readonly config: Config;
  readonly version: string;
  /** What /docs shows. */
  readonly docsFolder: string;
  readonly log: Log;
  /** Unix ms. */
  readonly now: () => number;
  readonly db: Database;
  readonly hub: Hub;
  readonly append: GroupCommit;
  readonly admission: Admission;
  readonly memories: MemoryCommands;
  readonly push: PushOps;
  readonly ingest: Ingest;
  readonly transfer: Transfer;
  readonly accesses: AccessCounts;
  readonly searcher: Searcher;
  /** Monotonic, ms. */
  readonly stopwatch: () => number;
  readonly access: Access;
  readonly publishedKeys: TokenKeys['published'];
  readonly collector: Collector;
  readonly metrics: Metrics;
  /** Null: there are no traces. */
  readonly tracing: Tracing | null;
  readonly vectors: MemoryVectors;
  readonly memoryReader: MemoryReader;
  readonly recall: RecallWorker;
  /** Null: without REDIS_URL. */
  readonly redis: RedisDoor | null;
  readonly hints: NodeHints;
  readonly draining: Draining;
  readonly random: () => number;
  /** What keeps requests from being served; empty when nothing does. */
  readonly missing: () => Promise<readonly MissingPart[]>;
  /** What is away and can be done without. */
  readonly degraded: () => readonly DegradedPart[];
  /** Waits for the writes under way, then lets go of the database. */
  close(): Promise<void>;
}

export interface DepsOptions {
  readonly log: Log;
  /** Default: the system's clock. */
  readonly now?: () => number;
  /** Closed with the rest. Default: none. */
  readonly tracing?: Tracing | null;
  /** In place of the one that the configuration names; `close` then leaves it open. */
  readonly db?: Database;
  /** The database is broken for good in this process: a new one is needed. */
  readonly onBroken?: (error: Error) => void;
}

export async function createDeps(
  config: Config,
  { log, now = Date.now, tracing = null, ...options }: DepsOptions,
): Promise<Deps> {
  const version = readVersion();
  const metrics = createMetrics({ version, engine: config.databaseUrl === null ? 'pglite' : 'postgresql' });
  const { onBroken } = options;
  const watch = { ...(onBroken !== undefined && { onBroken }), onAcquired: metrics.database.acquired };
  const opened = options.db ?? (await awaitDatabase(config, log, watch));
  const db = watchDatabase(opened, { metrics: metrics.database, tracing, log }, { slowMs: config.slowStatementMs });
  try {
    await migrateDirectly(opened, config);
    if (config.rowLevelSecurity === 'on') await assertFenced(opened);
    const schemaVersion = readSchemaVersion();
    const hub = createHub();
    const watched = watchAppend(metrics.append, tracing);
    const append = watched.wrap(createAppend({ db, hub, now, watch: watched.watch }, { statements: config.groupCommit }));
    metrics.append.countQueued(append.queued);
    const stopwatch = () => performance.now();
    const oneUser = config.groupCommit === 'user';
    const keys = await readTokenKeys(config);
    const access = createAccess(
      { db, now, stopwatch, keys },
      {
        accessTokenMs: config.accessTokenMinutes * 60_000,
        refreshTokenMs: config.refreshTokenDays * 86_400_000,
        sessionCacheMs: config.sessionCacheMs,
        limitsAttempts: config.rateLimit === 'on',
      },
    );
    const accesses = watchAccesses(
      startAccessCounts({
        db,
        now,
        oneUser,
        onError: (error) => log.warn({ err: error }, 'access counts not written'),
      }),
      metrics.transfer,
    );
    const admission = openAdmission(config, metrics);
    metrics.countLoad(admission.queues);
    const collector = createCollector(
      {
        db,
        append,
        now,
        onCollected: metrics.collected,
        onError: (error) => log.warn({ err: error }, 'tombstones not collected'),
      },
      collectorOptions(config),
    );
    const provider = await openProvider(config, { metrics, tracing });
    const embedders = createEmbedders(
      { lexical: createLexicalEmbedder(), ofProvider: provider?.embedderOf ?? null },
      config.embeddingModel,
    );
    const { model } = embedders.present;
    watchState({ db: opened, metrics, model, now });
    const recall = startRecall({ db, hub, now, log, metrics, access }, config, embedders.present);
    const nodes = await startNodes({ db, hub, now, log, access, metrics, stopwatch }, config);
    const draining = createDraining(config.drainNoticeSeconds * 1_000);
    const cleaning = setInterval(() => {
      deleteStaleAttempts(db, now()).catch((error) => log.warn({ err: error }, 'login attempts not cleaned'));
    }, attemptsCleanedEveryMs).unref();
    const searcher = watchSearcher(
      createSearcher({
        db,
        servingEmbedder: (userId) => readServingModel(db, userId, embedders),
        ownModel: ownVectorModel(undefined, model),
        nearest: (request) => nearestMemories(db, request, metrics.search.planned),
        onFailure: metrics.search.withoutVectors,
      }),
      metrics.search,
    );
    const newId = () => v7() as MemoryId;
    const memories = createMemoryCommands({ db, append, newId });
    const ingest = watchIngest(
      createIngest({ db, memories, findSimilar: createSimilarBySearch(searcher), model: provider?.chatModel ?? null, now }),
      metrics.transfer,
    );
    const files = openTransfer({ db, hub, append, ingest, newId, now, log, metrics }, config, model);
    const folder = options.db === undefined && db.engine === 'pglite' ? config.dataDir : null;
    return {
      config,
      version,
      docsFolder,
      log,
      now,
      db,
      hub,
      append,
      admission,
      memories,
      push: createPushOps({ db, append }),
      ingest,
      transfer: watchTransfer(files.transfer, metrics.transfer),
      accesses,
      searcher,
      stopwatch,
      access,
      publishedKeys: keys.published,
      collector,
      metrics,
      tracing,
      vectors: vectorsOf(db, model),
      memoryReader: createMemoryReader({ db, model, oneUser }),
      recall,
      redis: nodes.redis,
      hints: nodes.hints,
      draining,
      random: Math.random,
      missing: async () => [...(draining.isOn ? [drainingPart] : []), ...(await missingParts(db, schemaVersion, folder))],
      degraded: () => degradedParts(nodes.redis, nodes.hints),
      async close() {
        await files.stop();
        clearInterval(cleaning);
        await recall.stop();
        await collector.stop();
        await append.idle();
        await accesses.stop();
        await nodes.stop();
        await tracing?.close();
        if (options.db === undefined) await db.close();
      },
    };
  } catch (error) {
    if (options.db === undefined) await db.close();
    throw error;
  }
}

const drainingPart: MissingPart = { part: 'draining', message: 'it is stopping' };

export const collectorOptions = (config: Config) => ({
  tombstoneMs: config.tombstoneDays * 86_400_000,
  deviceExpiryMs: config.deviceExpiryDays * 86_400_000,
});

export const tracingOptions = (config: Config): Omit<TracingOptions, 'version'> => ({
  endpoint: config.traceEndpoint,
  headers: config.traceHeaders ?? {},
  serviceName: config.traceServiceName,
  ratio: config.traceRatio,
});

const attemptsCleanedEveryMs = 600_000;

function vectorsOf(db: Database, model: string): MemoryVectors {
  return {
    model,
    embedded: (userId, ids) => readEmbedded(db, userId, ids, model),
    keep: (userId, { id, content }, vector, named) =>
      keepOwnVectors(db, userId, [{ memoryId: id, content, vector, model: ownVectorModel(named, model) }]),
  };
}
