/** The only place that constructs what the server is made of. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe, setTimeout as wait } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { v7 } from 'uuid';
import type { MemoryId } from '../core/ids.ts';
import { type Access, createAccess } from './access/access.ts';
import { keepJwtSecret } from './access/jwt-secret.ts';
import { deleteStaleAttempts } from './access/login-attempts.ts';
import { BadTokenKeys, createTokenKeys, isInlineKeys, keyOfSecret, parseTokenKeys, type TokenKeys } from './access/token-keys.ts';
import { type Admission, createAdmission } from './admission/admission.ts';
import { createAppend } from './command/append.ts';
import { type Collector, createCollector } from './command/collector.ts';
import type { GroupCommit } from './command/group-commit.ts';
import { createMemoryCommands, type MemoryCommands, type Writer } from './command/memory-commands.ts';
import { createPushOps, type PushOps } from './command/push-ops.ts';
import type { Config } from './config.ts';
import type { DoctorDeps } from './doctor/doctor.ts';
import { toAdmissionOptions } from './edge/admission-options.ts';
import { createDraining, type Draining } from './edge/draining.ts';
import type { MemoryVectors } from './edge/http-memories.ts';
import type { Embedder } from './embed/embedder.ts';
import { createEmbedders } from './embed/embedders.ts';
import { createLexicalEmbedder } from './embed/lexical-embedder.ts';
import { startHeadPoll } from './fanout/head-poll.ts';
import { type HintChannel, noHintChannel } from './fanout/hint-channel.ts';
import { createHub, type Hub } from './fanout/hub.ts';
import { type NodeHints, startNodeHints } from './fanout/node-hints.ts';
import { createPostgresHints } from './fanout/postgres-hints.ts';
import { createRedisHints } from './fanout/redis-hints.ts';
import type { ImportThreadData } from './import-thread-main.ts';
import type { Database } from './infra/database.ts';
import { type DegradedPart, degradedParts, type MissingPart, missingParts } from './infra/readiness.ts';
import type { RedisDoor, RedisDoorDeps } from './infra/redis.ts';
import { assertFenced } from './infra/row-security.ts';
import { waitForDatabase } from './infra/wait-for-database.ts';
import type { ChatModel } from './ingest/chat-model.ts';
import { createIngest, type Ingest } from './ingest/ingest.ts';
import { createSimilarBySearch } from './ingest/similar-by-search.ts';
import { createMetrics, type Metrics } from './metrics/metrics.ts';
import { watchAppend } from './observe/watch-append.ts';
import { watchChatModel } from './observe/watch-chat-model.ts';
import { watchDatabase } from './observe/watch-database.ts';
import { watchEmbedder } from './observe/watch-embedder.ts';
import { watchFetch } from './observe/watch-fetch.ts';
import { watchAccesses, watchIngest, watchSearcher, watchTransfer } from './observe/watch-reads.ts';
import { watchState } from './observe/watch-state.ts';
import { type DatabaseWatch, migrateDirectly, openDatabase, openMaintenance, postgresOptions } from './open-database.ts';
import { builtFolder, docsFolder, migrationsFolder, readVersion } from './package.ts';
import { createKeepEmbeddings } from './project/own-embeddings.ts';
import { keepOwnVectors, ownVectorModel } from './project/own-vectors.ts';
import { createRecallWorker, type RecallWorker } from './project/recall-worker.ts';
import { stepTexts } from './project/texts.ts';
import { createVectorIndexes, type VectorIndexes } from './project/vector-index.ts';
import { type AccessCounts, startAccessCounts } from './read/access-counts.ts';
import { nearestMemories } from './read/nearest.ts';
import { readEmbedded } from './read/read-embedded.ts';
import { createSearcher, type Searcher } from './read/search.ts';
import { readServingModel } from './read/serving-model.ts';
import type { Tracing, TracingOptions } from './tracing/tracing.ts';
import type { IngestedConversation } from './transfer/import-records.ts';
import { createImportThread, type ImportThread } from './transfer/import-thread.ts';
import type { FileConversation } from './transfer/item.ts';
import { createTransfer, type Transfer } from './transfer/transfer.ts';
import { toIngestRequest } from './transfer/turns.ts';
import { withImportThread } from './transfer/with-import-thread.ts';

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

/** What is needed of a logger, pino or another. */
export interface Log {
  error(details: object, message: string): void;
  warn(details: object, message: string): void;
  info(details: object, message: string): void;
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
        oneUser: config.groupCommit === 'user',
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
    const { redis, hints, stopNodes } = await startNodes({ db, hub, now, log, access, metrics, stopwatch }, config);
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
    const thread = importThreadOf({ db, hub, log }, config, model);
    const transfer = createTransfer({
      db,
      append,
      newId,
      now,
      breathe,
      keepEmbeddings: createKeepEmbeddings(db, model),
      ingest: (writer) => (conversation) => ingestFromFile({ ingest, log }, writer, conversation),
    });
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
      transfer: watchTransfer(thread === null ? transfer : withImportThread(transfer, thread), metrics.transfer),
      accesses,
      searcher,
      stopwatch,
      access,
      publishedKeys: keys.published,
      collector,
      metrics,
      tracing,
      vectors: vectorsOf(db, model),
      recall,
      redis,
      hints,
      draining,
      random: Math.random,
      missing: async () => [...(draining.isOn ? [drainingPart] : []), ...(await missingParts(db, schemaVersion, folder))],
      degraded: () => degradedParts(redis, hints),
      async close() {
        await thread?.stop();
        clearInterval(cleaning);
        await recall.stop();
        await collector.stop();
        await append.idle();
        await accesses.stop();
        await stopNodes();
        await tracing?.close();
        if (options.db === undefined) await db.close();
      },
    };
  } catch (error) {
    if (options.db === undefined) await db.close();
    throw error;
  }
}

/** PGlite is in this thread. */
function importThreadOf({ db, hub, log }: Pick<Deps, 'db' | 'hub' | 'log'>, config: Config, model: string): ImportThread | null {
  const postgres = postgresOptions(config);
  if (db.engine !== 'postgresql' || postgres === null) return null;
  const workerData: ImportThreadData = { postgres, statements: config.groupCommit, model };
  return createImportThread({
    start: () => new Worker(join(builtFolder, 'src/server/import-thread-main.js'), { workerData }),
    onCommitted: hub.committedUnseen,
    onError: (error) => log.error({ err: error }, 'the import thread ended'),
  });
}

function openAdmission(config: Config, metrics: Metrics): Admission {
  const reasons = { full: 'queue_full', own_full: 'own_queue_full', late: 'queue_late' } as const;
  return createAdmission(
    {
      now: () => performance.now(),
      setTimer(callback, ms) {
        const timer = setTimeout(callback, ms);
        return () => clearTimeout(timer);
      },
      onRefused: (kind) => metrics.refused(reasons[kind]),
    },
    toAdmissionOptions(config),
  );
}

/** A hint waits so long for others, ms: less than anybody notices, and under load hundreds go in one message. */
const hintGatherMs = 2;
const hintProbeMs = 2_000;

async function startNodes(
  {
    db,
    hub,
    now,
    log,
    access,
    metrics,
    stopwatch,
  }: Pick<Deps, 'db' | 'hub' | 'now' | 'log' | 'access' | 'metrics' | 'stopwatch'>,
  config: Config,
) {
  const onRedis = (isUp: boolean): void => {
    if (isUp) log.info({}, 'Redis answers');
    else log.warn({}, 'Redis does not answer: limits count on this node alone');
  };
  const redis = await openRedis(config, { now, random: Math.random, onChange: onRedis });
  const hints = startNodeHints(
    {
      channel: hintChannel(config, redis),
      hub,
      node: randomUUID(),
      stopwatch,
      metrics: metrics.nodes,
      onEnded: access.endedElsewhere,
      onGap: () => headPoll.soon(),
      onState: (isWorking) => {
        const kind = hints.kind;
        if (isWorking) log.info({ kind }, 'hints between nodes arrive');
        else log.warn({ kind }, 'hints between nodes do not arrive: polls find what other nodes write');
      },
    },
    { gatherMs: hintGatherMs, probeMs: hintProbeMs },
  );
  const headPoll = startHeadPoll({ db, hub, onError: (error) => log.warn({ err: error }, 'head poll failed') }, () =>
    hints.isWorking ? config.hintedHeadPollMs : config.headPollMs,
  );
  access.endedSessions.listen((ended, where) => {
    if (where === 'here') hints.tellEnded(ended);
  });
  metrics.nodes.watchNode(() => ({
    isRedisUp: redis === null ? null : redis.isUp,
    areHintsWorking: hints.kind === 'none' ? null : hints.isWorking,
    peers: hints.peers,
  }));
  const stopNodes = async (): Promise<void> => {
    headPoll.stop();
    await hints.stop();
    redis?.close();
  };
  return { redis, hints, stopNodes };
}

/** The embedded database belongs to one process. */
function hintChannel({ nodeHints, redisPrefix, databaseDirectUrl, databaseUrl }: Config, redis: RedisDoor | null): HintChannel {
  if (nodeHints === 'off') return noHintChannel;
  if (redis !== null) return createRedisHints(redis, redisPrefix);
  const url = databaseUrl === null ? null : (databaseDirectUrl ?? databaseUrl);
  return url === null ? noHintChannel : createPostgresHints({ random: Math.random }, url);
}

/** The package is loaded only where Redis is named. */
async function openRedis({ redisUrls: urls, redisCluster }: Config, deps: RedisDoorDeps): Promise<RedisDoor | null> {
  if (urls === null) return null;
  const redis = await import('./infra/redis.ts');
  return redis.openRedis(deps, { urls, isCluster: redisCluster === 'on' });
}

const drainingPart: MissingPart = { part: 'draining', message: 'it is stopping' };

async function ingestFromFile(
  { ingest, log }: Pick<Deps, 'ingest' | 'log'>,
  writer: Writer,
  conversation: FileConversation,
): Promise<IngestedConversation> {
  const report = await ingest.ingest(writer, { ...toIngestRequest(conversation), dryRun: false });
  if (!report.ok) log.warn({ failure: report.error }, 'a conversation of a file was not read');
  if (!report.ok) return { fault: { code: report.error.code, path: '', message: 'the conversation was not read' } };
  const { created, updated, skipped } = report.value;
  return { created: created.length, updated: updated.length, skipped: skipped.length };
}

export const collectorOptions = (config: Config) => ({
  tombstoneMs: config.tombstoneDays * 86_400_000,
  deviceExpiryMs: config.deviceExpiryDays * 86_400_000,
});

/** The embedded one is here or broken; nothing is to be waited for. */
function awaitDatabase(config: Config, log: Log, watch: DatabaseWatch): Promise<Database> {
  const open = (): Promise<Database> => openDatabase(config, watch);
  if (config.databaseUrl === null) return open();
  const { databaseWaitSeconds } = config;
  return waitForDatabase(open, {
    waitMs: databaseWaitSeconds * 1_000,
    stopwatch: () => performance.now(),
    sleep: (ms) => wait(ms),
    onWait: (error) => log.warn({ err: error, databaseWaitSeconds }, 'the database does not answer; the start waits for it'),
  });
}

/** Of the newest migration that this server knows. */
export const readSchemaVersion = (): number => readdirSync(migrationsFolder).filter((file) => file.endsWith('.sql')).length;

export const tracingOptions = (config: Config): Omit<TracingOptions, 'version'> => ({
  endpoint: config.traceEndpoint,
  headers: config.traceHeaders ?? {},
  serviceName: config.traceServiceName,
  ratio: config.traceRatio,
});

/** What `aibrain doctor` tries with. */
export async function createDoctorDeps(config: Config): Promise<DoctorDeps> {
  const { redisUrls: urls, redisCluster } = config;
  const { probeRedis } = await import('./infra/redis-probe.ts');
  return {
    openDatabase: () => openDatabase(config),
    probeRedis: urls === null ? null : () => probeRedis({ urls, isCluster: redisCluster === 'on' }),
    async openProviders() {
      const metrics = createMetrics({ version: readVersion(), engine: 'none' });
      const provider = await openProvider(config, { metrics, tracing: null });
      const lexical = createLexicalEmbedder();
      const { present } = createEmbedders({ lexical, ofProvider: provider?.embedderOf ?? null }, config.embeddingModel);
      return { embedder: present === lexical ? null : present, chatModel: provider?.chatModel ?? null };
    },
    now: Date.now,
    nodeVersion: process.versions.node,
    schemaVersion: readSchemaVersion(),
  };
}

interface Provider {
  readonly embedderOf: (model: string) => Embedder;
  readonly chatModel: ChatModel;
}

/** Null where nobody is named. A server of one's own needs no key. Loading the package takes 60 ms: a start without one does not pay them. */
async function openProvider(config: Config, { metrics, tracing }: Pick<Deps, 'metrics' | 'tracing'>): Promise<Provider | null> {
  const { openAiApiKey, openAiBaseUrl, extractionModel: model, extractionTimeoutSeconds } = config;
  if (openAiApiKey === null && openAiBaseUrl === null) return null;
  const [{ default: OpenAI }, { createOpenAiEmbedder }, { createOpenAiChatModel }] = await Promise.all([
    import('openai'),
    import('./embed/openai-embedder.ts'),
    import('./ingest/openai-chat-model.ts'),
  ]);
  // Retries are ours. A log of its own would show requests and headers.
  const client = new OpenAI({
    apiKey: openAiApiKey ?? 'none',
    baseURL: openAiBaseUrl,
    maxRetries: 0,
    logLevel: 'off',
    fetch: watchFetch(globalThis.fetch, metrics.provider, tracing),
  });
  const embedding = {
    client,
    random: Math.random,
    wait: (ms: number, signal?: AbortSignal) => wait(ms, undefined, { ref: false, ...(signal && { signal }) }),
  };
  return {
    embedderOf: (name) => watchEmbedder(createOpenAiEmbedder(embedding, { model: name }), metrics.provider, tracing),
    chatModel: watchChatModel(
      createOpenAiChatModel(client, { model, timeoutMs: extractionTimeoutSeconds * 1_000 }),
      metrics.provider,
      tracing,
    ),
  };
}

const attemptsCleanedEveryMs = 600_000;

/** @throws BadTokenKeys */
async function readTokenKeys({ jwtKeys, jwtSecret, dataDir }: Config): Promise<TokenKeys> {
  const ofSecret = (): Uint8Array => (jwtSecret === null ? keepJwtSecret(dataDir) : Buffer.from(jwtSecret));
  if (jwtKeys === null) return createTokenKeys([keyOfSecret(ofSecret())]);
  try {
    const given = await parseTokenKeys(isInlineKeys(jwtKeys) ? jwtKeys : readFileSync(jwtKeys, 'utf8'));
    return createTokenKeys([...given, ...(jwtSecret === null ? [] : [keyOfSecret(Buffer.from(jwtSecret))])]);
  } catch (error) {
    if (error instanceof BadTokenKeys) throw new BadTokenKeys(`JWT_KEYS: ${error.message}`);
    // Without the text: what was meant as keys may have been taken for a path.
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new BadTokenKeys(`JWT_KEYS names a file that cannot be read (${code})`);
  }
}

function startRecall(
  { db, hub, now, log, metrics, access }: Pick<Deps, 'db' | 'hub' | 'now' | 'log' | 'metrics' | 'access'>,
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

function vectorsOf(db: Database, model: string): MemoryVectors {
  return {
    embedded: (userId, ids) => readEmbedded(db, userId, ids, model),
    keep: (userId, { id, content }, vector, named) =>
      keepOwnVectors(db, userId, [{ memoryId: id, content, vector, model: ownVectorModel(named, model) }]),
  };
}
