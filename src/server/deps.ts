/** The only place that constructs what the server is made of. */
import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { v7 } from 'uuid';
import type { MemoryId } from '../core/ids.ts';
import { type Access, createAccess } from './access/access.ts';
import { keepJwtSecret } from './access/jwt-secret.ts';
import { createAppend } from './command/append.ts';
import { type Collector, createCollector } from './command/collector.ts';
import type { GroupCommit } from './command/group-commit.ts';
import { createMemoryCommands, type MemoryCommands, type Writer } from './command/memory-commands.ts';
import { createPushOps, type PushOps } from './command/push-ops.ts';
import type { Config } from './config.ts';
import type { DoctorDeps } from './doctor/doctor.ts';
import { createDraining, type Draining } from './edge/draining.ts';
import type { MemoryVectors } from './edge/http-memories.ts';
import type { Embedder } from './embed/embedder.ts';
import { createEmbedders } from './embed/embedders.ts';
import { createLexicalEmbedder } from './embed/lexical-embedder.ts';
import { toVector } from './embed/to-vector.ts';
import { startHeadPoll } from './fanout/head-poll.ts';
import { type HintChannel, noHintChannel } from './fanout/hint-channel.ts';
import { createHub, type Hub } from './fanout/hub.ts';
import { type NodeHints, startNodeHints } from './fanout/node-hints.ts';
import { createPostgresHints } from './fanout/postgres-hints.ts';
import { createRedisHints } from './fanout/redis-hints.ts';
import type { Database } from './infra/database.ts';
import { openEmbedded } from './infra/embedded.ts';
import { migrate } from './infra/migrate.ts';
import { openPostgres } from './infra/postgres.ts';
import { type DegradedPart, degradedParts, type MissingPart, missingParts } from './infra/readiness.ts';
import type { RedisDoor, RedisDoorDeps } from './infra/redis.ts';
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
import { migrationsFolder, readVersion } from './package.ts';
import { keepOwnVectors, type OwnVector, ownVectorModel } from './project/own-vectors.ts';
import { createRecallWorker, type RecallWorker } from './project/recall-worker.ts';
import { stepTexts } from './project/texts.ts';
import { createVectorIndexes, type VectorIndexes } from './project/vector-index.ts';
import { type AccessCounts, startAccessCounts } from './read/access-counts.ts';
import { nearestMemories } from './read/nearest.ts';
import { readEmbedded } from './read/read-embedded.ts';
import { createSearcher, type Searcher } from './read/search.ts';
import { readServingModel } from './read/serving-model.ts';
import type { Tracing, TracingOptions } from './tracing/tracing.ts';
import type { IngestedConversation, KeptEmbedding } from './transfer/import-records.ts';
import type { FileConversation } from './transfer/item.ts';
import { createTransfer, type Transfer } from './transfer/transfer.ts';
import { toIngestRequest } from './transfer/turns.ts';

export interface Deps {
  readonly config: Config;
  readonly version: string;
  readonly log: Log;
  /** Unix ms. */
  readonly now: () => number;
  readonly db: Database;
  readonly hub: Hub;
  readonly append: GroupCommit;
  readonly memories: MemoryCommands;
  readonly push: PushOps;
  readonly ingest: Ingest;
  readonly transfer: Transfer;
  readonly accesses: AccessCounts;
  readonly searcher: Searcher;
  /** Monotonic, ms. */
  readonly stopwatch: () => number;
  readonly access: Access;
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
  const opened = options.db ?? (await openDatabase(config, options.onBroken, metrics.database.acquired));
  const db = watchDatabase(opened, { metrics: metrics.database, tracing, log }, { slowMs: config.slowStatementMs });
  try {
    await migrate(opened, migrationsFolder);
    const schemaVersion = readSchemaVersion();
    const hub = createHub();
    const { watch, wrap } = watchAppend(metrics.append, tracing);
    const append = wrap(createAppend({ db, hub, now, watch }));
    metrics.append.countQueued(append.queued);
    const stopwatch = () => performance.now();
    const access = createAccess(
      { db, now, stopwatch, secret: config.jwtSecret === null ? keepJwtSecret(config.dataDir) : Buffer.from(config.jwtSecret) },
      {
        accessTokenMs: config.accessTokenMinutes * 60_000,
        refreshTokenMs: config.refreshTokenDays * 86_400_000,
        sessionCacheMs: config.sessionCacheMs,
      },
    );
    const accesses = watchAccesses(
      startAccessCounts({ db, now, onError: (error) => log.warn({ err: error }, 'access counts not written') }),
      metrics.transfer,
    );
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
    const transfer = createTransfer({
      db,
      append,
      newId,
      now,
      keepEmbeddings: (userId, embeddings) => keepOwnVectors(db, userId, toOwnVectors(embeddings, model)),
      ingest: (writer) => (conversation) => ingestFromFile({ ingest, log }, writer, conversation),
    });
    const folder = options.db === undefined && db.engine === 'pglite' ? config.dataDir : null;
    return {
      config,
      version,
      log,
      now,
      db,
      hub,
      append,
      memories,
      push: createPushOps({ db, append }),
      ingest,
      transfer: watchTransfer(transfer, metrics.transfer),
      accesses,
      searcher,
      stopwatch,
      access,
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

function toOwnVectors(embeddings: readonly KeptEmbedding[], serverModel: string): readonly OwnVector[] {
  return embeddings.flatMap(({ memoryId, content, numbers, model }) => {
    const vector = toVector(numbers);
    return vector === null ? [] : [{ memoryId, content, vector, model: ownVectorModel(model, serverModel) }];
  });
}

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

/** @param onAcquired told how long each use waited for a connection of the pool, ms. */
export function openDatabase(
  config: Config,
  onBroken?: DepsOptions['onBroken'],
  onAcquired?: (ms: number) => void,
): Promise<Database> {
  if (config.databaseUrl !== null) {
    const pool = { url: config.databaseUrl, poolSize: config.databasePoolSize };
    return openPostgres({ ...pool, ...(onAcquired !== undefined && { onAcquired }) });
  }
  return openEmbedded({ dataDir: config.dataDir, ...(onBroken !== undefined && { onBroken }) });
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
function startVectorIndexes(db: Database, { databaseUrl }: Config, onError: (error: unknown) => void): VectorIndexes | null {
  if (db.engine !== 'postgresql' || databaseUrl === null) return null;
  const openMaintenance = () => openPostgres({ url: databaseUrl, poolSize: 1, statementTimeoutMs: 0 });
  const indexes = createVectorIndexes({ db, openMaintenance, onError });
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
