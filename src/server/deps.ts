/** The only place that constructs what the server is made of. */
import { readdirSync } from 'node:fs';
import { OpenAI } from 'openai';
import { v7 } from 'uuid';
import type { MemoryId } from '../core/ids.ts';
import { type Access, createAccess } from './access/access.ts';
import { keepJwtSecret } from './access/jwt-secret.ts';
import { createAppend } from './command/append.ts';
import { type Collector, createCollector } from './command/collector.ts';
import type { GroupCommit } from './command/group-commit.ts';
import { createMemoryCommands, type MemoryCommands } from './command/memory-commands.ts';
import { createPushOps, type PushOps } from './command/push-ops.ts';
import type { Config } from './config.ts';
import { createSyncMetrics, type SyncMetrics } from './edge/metrics.ts';
import { startHeadPoll } from './fanout/head-poll.ts';
import { createHub, type Hub } from './fanout/hub.ts';
import type { Database } from './infra/database.ts';
import { openEmbedded } from './infra/embedded.ts';
import { migrate } from './infra/migrate.ts';
import { openPostgres } from './infra/postgres.ts';
import { type MissingPart, missingParts } from './infra/readiness.ts';
import { createIngest, type Ingest } from './ingest/ingest.ts';
import { createOpenAiChatModel } from './ingest/openai-chat-model.ts';
import { createSimilarByWords } from './ingest/similar-by-words.ts';
import { migrationsFolder, readVersion } from './package.ts';
import { type AccessCounts, startAccessCounts } from './read/access-counts.ts';

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
  readonly access: Access;
  readonly collector: Collector;
  readonly metrics: SyncMetrics;
  /** What keeps requests from being served; empty when nothing does. */
  readonly missing: () => Promise<readonly MissingPart[]>;
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
  const db = options.db ?? (await openDatabase(config, options.onBroken));
  try {
    await migrate(db, migrationsFolder);
    const schemaVersion = readdirSync(migrationsFolder).filter((file) => file.endsWith('.sql')).length;
    const hub = createHub();
    const append = createAppend({ db, hub, now });
    const access = createAccess(
      { db, now, secret: config.jwtSecret === null ? keepJwtSecret(config.dataDir) : Buffer.from(config.jwtSecret) },
      { accessTokenMs: config.accessTokenMinutes * 60_000, refreshTokenMs: config.refreshTokenDays * 86_400_000 },
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
    const stopPoll = startHeadPoll(
      { db, hub, onError: (error) => log.warn({ err: error }, 'head poll failed') },
      config.headPollMs,
    );
    const newId = () => v7() as MemoryId;
    const memories = createMemoryCommands({ db, append, newId });
    const ingest = createIngest({
      db,
      memories,
      findSimilar: createSimilarByWords(db),
      model: openChatModel(config),
      now,
      onFailure: (failure) => log.warn({ failure, model: config.extractionModel }, 'a conversation was not read'),
    });
    return {
      config,
      version: readVersion(),
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
        keepEmbeddings: (userId, embeddings) => keepOwnVectors(db, userId, embeddings.flatMap(toOwnVector)),
        ingest: (writer) => ingestFromFile(ingest, writer),
      }),
      accesses,
      access,
      collector,
      metrics,
      missing: () => missingParts(db, schemaVersion),
      async close() {
        stopPoll();
        await collector.stop();
        await append.idle();
        await accesses.stop();
        if (options.db === undefined) await db.close();
      },
    };
  } catch (error) {
    if (options.db === undefined) await db.close();
    throw error;
  }
}

function toOwnVector({ memoryId, content, numbers, model }: KeptEmbedding): readonly OwnVector[] {
  const vector = toVector(numbers);
  return vector === null ? [] : [{ memoryId, content, vector, model: ownVectorModel(model, defaultModel) }];
}

/** Null where no vendor is named. A server of one's own needs no key. */
function openChatModel(config: Config) {
  const { openaiApiKey, openaiBaseUrl, extractionModel, extractionTimeoutSeconds } = config;
  if (openaiApiKey === null && openaiBaseUrl === null) return null;
  const client = new OpenAI({
    apiKey: openaiApiKey ?? 'none',
    baseURL: openaiBaseUrl,
    // It would show requests and headers.
    logLevel: 'off',
  });
  return createOpenAiChatModel(client, { model: extractionModel, timeoutMs: extractionTimeoutSeconds * 1_000 });
}

export const collectorOptions = (config: Config) => ({
  tombstoneMs: config.tombstoneDays * 86_400_000,
  deviceExpiryMs: config.deviceExpiryDays * 86_400_000,
});

export function openDatabase(config: Config, onBroken?: DepsOptions['onBroken']): Promise<Database> {
  if (config.databaseUrl !== null) return openPostgres({ url: config.databaseUrl, poolSize: config.databasePoolSize });
  return openEmbedded({ dataDir: config.dataDir, ...(onBroken !== undefined && { onBroken }) });
}
