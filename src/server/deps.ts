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
import { createDraining, type Draining } from './edge/draining.ts';
import type { MemoryVectors } from './edge/http-memories.ts';
import { createSyncMetrics, type SyncMetrics } from './edge/metrics.ts';
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
import { openRedis, type RedisDoor } from './infra/redis.ts';
import { waitForDatabase } from './infra/wait-for-database.ts';
import type { ChatModel } from './ingest/chat-model.ts';
import { createIngest, type Ingest } from './ingest/ingest.ts';
import { createSimilarBySearch } from './ingest/similar-by-search.ts';
import { docsFolder, migrationsFolder, readVersion } from './package.ts';
import { keepOwnVectors, type OwnVector, ownVectorModel } from './project/own-vectors.ts';
import { createRecallWorker, type RecallWorker } from './project/recall-worker.ts';
import { stepTexts } from './project/texts.ts';
import { createVectorIndexes, type VectorIndexes } from './project/vector-index.ts';
import { type AccessCounts, startAccessCounts } from './read/access-counts.ts';
import { nearestMemories } from './read/nearest.ts';
import { readEmbedded } from './read/read-embedded.ts';
import { createSearcher, type Searcher } from './read/search.ts';
import { readServingModel } from './read/serving-model.ts';
import type { IngestedConversation, KeptEmbedding } from './transfer/import-records.ts';
import type { FileConversation } from './transfer/item.ts';
import { createTransfer, type Transfer } from './transfer/transfer.ts';
import { toIngestRequest } from './transfer/turns.ts';

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
  readonly metrics: SyncMetrics;
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
}

export interface DepsOptions {
  readonly log: Log;
  /** Default: the system's clock. */
  readonly now?: () => number;
  /** In place of the one that the configuration names; `close` then leaves it open. */
  readonly db?: Database;
  /** The database is broken for good in this process: a new one is needed. */
  readonly onBroken?: (error: Error) => void;
}

export async function createDeps(config: Config, { log, now = Date.now, ...options }: DepsOptions): Promise<Deps> {
  const db = options.db ?? (await awaitDatabase(config, log, options.onBroken));
  try {
    await migrate(db, migrationsFolder);
    const schemaVersion = readdirSync(migrationsFolder).filter((file) => file.endsWith('.sql')).length;
    const hub = createHub();
    const append = createAppend({ db, hub, now });
    const stopwatch = () => performance.now();
    const access = createAccess(
      { db, now, stopwatch, secret: config.jwtSecret === null ? keepJwtSecret(config.dataDir) : Buffer.from(config.jwtSecret) },
      {
        accessTokenMs: config.accessTokenMinutes * 60_000,
        refreshTokenMs: config.refreshTokenDays * 86_400_000,
        sessionCacheMs: config.sessionCacheMs,
      },
    );
    const accesses = startAccessCounts({ db, now, onError: (error) => log.warn({ err: error }, 'access counts not written') });
    const metrics = createSyncMetrics();
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
    const provider = await openProvider(config);
    const embedders = createEmbedders(
      { lexical: createLexicalEmbedder(), ofProvider: provider?.embedderOf ?? null },
      config.embeddingModel,
    );
    const { model } = embedders.present;
    const recall = startRecall({ db, hub, now, log, metrics, access }, config, embedders.present);
    const { redis, hints, stopNodes } = startNodes({ db, hub, now, log, access, metrics, stopwatch }, config);
    const draining = createDraining(config.drainNoticeSeconds * 1_000);
    const searcher = createSearcher({
      db,
      servingEmbedder: (userId) => readServingModel(db, userId, embedders),
      ownModel: ownVectorModel(undefined, model),
      nearest: (request) => nearestMemories(db, request),
      onFailure: (error) => log.warn({ err: error }, 'a search went on without vectors'),
    });
    const newId = () => v7() as MemoryId;
    const memories = createMemoryCommands({ db, append, newId });
    const ingest = createIngest({
      db,
      memories,
      findSimilar: createSimilarBySearch(searcher),
      model: provider?.chatModel ?? null,
      now,
      onFailure: (failure) => log.warn({ failure, model: config.extractionModel }, 'a conversation was not read'),
    });
    return {
      config,
      version: readVersion(),
      docsFolder,
      log,
      now,
      db,
      hub,
      append,
      memories,
      push: createPushOps({ db, append }),
      ingest,
      transfer: createTransfer({
        db,
        append,
        newId,
        now,
        keepEmbeddings: (userId, embeddings) => keepOwnVectors(db, userId, toOwnVectors(embeddings, model)),
        ingest: (writer) => (conversation) => ingestFromFile(ingest, writer, conversation),
      }),
      accesses,
      searcher,
      stopwatch,
      access,
      collector,
      metrics,
      vectors: vectorsOf(db, model),
      recall,
      redis,
      hints,
      draining,
      random: Math.random,
      missing: async () => [...(draining.isOn ? [drainingPart] : []), ...(await missingParts(db, schemaVersion))],
      degraded: () => degradedParts(redis, hints),
      async close() {
        await recall.stop();
        await collector.stop();
        await append.idle();
        await accesses.stop();
        await stopNodes();
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

function startNodes(
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
  const redis =
    config.redisUrls === null ? null : openRedis({ now, random: Math.random }, redisOptions(config, config.redisUrls));
  const hints = startNodeHints(
    {
      channel: hintChannel(config, redis),
      hub,
      node: randomUUID(),
      stopwatch,
      metrics: metrics.nodes,
      onEnded: access.endedElsewhere,
      onGap: () => headPoll.soon(),
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

const redisOptions = ({ redisCluster }: Config, urls: readonly string[]) => ({ urls, isCluster: redisCluster === 'on' });

const drainingPart: MissingPart = { part: 'draining', message: 'it is stopping' };

function toOwnVectors(embeddings: readonly KeptEmbedding[], serverModel: string): readonly OwnVector[] {
  return embeddings.flatMap(({ memoryId, content, numbers, model }) => {
    const vector = toVector(numbers);
    return vector === null ? [] : [{ memoryId, content, vector, model: ownVectorModel(model, serverModel) }];
  });
}

async function ingestFromFile(ingest: Ingest, writer: Writer, conversation: FileConversation): Promise<IngestedConversation> {
  const report = await ingest.ingest(writer, { ...toIngestRequest(conversation), dryRun: false });
  if (!report.ok) return { fault: { code: report.error.code, path: '', message: 'the conversation was not read' } };
  const { created, updated, skipped } = report.value;
  return { created: created.length, updated: updated.length, skipped: skipped.length };
}

export const collectorOptions = (config: Config) => ({
  tombstoneMs: config.tombstoneDays * 86_400_000,
  deviceExpiryMs: config.deviceExpiryDays * 86_400_000,
});

/** The embedded one is here or broken; nothing is to be waited for. */
function awaitDatabase(config: Config, log: Log, onBroken: DepsOptions['onBroken']): Promise<Database> {
  const open = (): Promise<Database> => openDatabase(config, onBroken);
  if (config.databaseUrl === null) return open();
  const { databaseWaitSeconds } = config;
  return waitForDatabase(open, {
    waitMs: databaseWaitSeconds * 1_000,
    stopwatch: () => performance.now(),
    sleep: (ms) => wait(ms),
    onWait: (error) => log.warn({ err: error, databaseWaitSeconds }, 'the database does not answer; the start waits for it'),
  });
}

export function openDatabase(config: Config, onBroken?: DepsOptions['onBroken']): Promise<Database> {
  if (config.databaseUrl !== null) return openPostgres({ url: config.databaseUrl, poolSize: config.databasePoolSize });
  return openEmbedded({ dataDir: config.dataDir, ...(onBroken !== undefined && { onBroken }) });
}

interface Provider {
  readonly embedderOf: (model: string) => Embedder;
  readonly chatModel: ChatModel;
}

/** Null where nobody is named. A server of one's own needs no key. Loading the package takes 60 ms: a start without one does not pay them. */
async function openProvider(config: Config): Promise<Provider | null> {
  const { openAiApiKey, openAiBaseUrl, extractionModel: model, extractionTimeoutSeconds } = config;
  if (openAiApiKey === null && openAiBaseUrl === null) return null;
  const [{ default: OpenAI }, { createOpenAiEmbedder }, { createOpenAiChatModel }] = await Promise.all([
    import('openai'),
    import('./embed/openai-embedder.ts'),
    import('./ingest/openai-chat-model.ts'),
  ]);
  // Retries are ours. A log of its own would show requests and headers.
  const client = new OpenAI({ apiKey: openAiApiKey ?? 'none', baseURL: openAiBaseUrl, maxRetries: 0, logLevel: 'off' });
  const embedding = {
    client,
    random: Math.random,
    wait: (ms: number, signal?: AbortSignal) => wait(ms, undefined, { ref: false, ...(signal && { signal }) }),
  };
  return {
    embedderOf: (name) => createOpenAiEmbedder(embedding, { model: name }),
    chatModel: createOpenAiChatModel(client, { model, timeoutMs: extractionTimeoutSeconds * 1_000 }),
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
