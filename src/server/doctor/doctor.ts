/** `aibrain doctor`: tries for real what the server needs, and says what to do. What it tries with, it is given. */
import type { Config, ConfigProblem } from '../config.ts';
import type { Embedder } from '../embed/embedder.ts';
import type { Database } from '../infra/database.ts';
import type { RedisProbe } from '../infra/redis-probe.ts';
import type { ChatModel } from '../ingest/chat-model.ts';
import { checkConfig } from './check-config.ts';
import { checkDatabase } from './check-database.ts';
import { lookAtFolder } from './check-embedded.ts';
import { checkEmbedding, checkExtraction } from './check-providers.ts';
import { checkRedis } from './check-redis.ts';
import { checkRuntime } from './check-runtime.ts';
import { type Check, type Finding, fail } from './finding.ts';
import { messageOf, runChecks } from './run-checks.ts';

export interface DoctorDeps {
  readonly openDatabase: () => Promise<Database>;
  /** Null: Redis is not configured. */
  readonly probeRedis: (() => Promise<RedisProbe>) | null;
  /** @throws Error when a model is named that nobody here can have. */
  readonly openProviders: () => Promise<Providers>;
  /** Unix ms. */
  readonly now: () => number;
  readonly nodeVersion: string;
  readonly schemaVersion: number;
}

export interface Providers {
  /** Of a vendor; null: the built-in one. */
  readonly embedder: Embedder | null;
  /** Null: rules read conversations. */
  readonly chatModel: ChatModel | null;
}

/** Of settings that no server would start with. */
export async function* toFindings(problems: readonly ConfigProblem[]): AsyncGenerator<Finding> {
  for (const problem of problems) yield fail('configuration', problem, '`aibrain config` lists every setting');
}

/** File handles for as many sockets as one node is meant to hold, and some. */
const handles = 10_000;
const nodeFrom = [20, 12] as const;

export async function* examine(deps: DoctorDeps, config: Config): AsyncGenerator<Finding> {
  const { nodeVersion, now, schemaVersion } = deps;
  const { port, host, dataDir, databaseUrl, databasePoolSize: poolSize } = config;
  const before = databaseUrl === null ? { before: () => lookAtFolder(dataDir) } : {};
  const checks: Check[] = [
    checkConfig(config),
    checkRuntime({ nodeFrom, nodeVersion, port, host, handles }),
    checkDatabase({ open: deps.openDatabase, now, ...before }, { schemaVersion, poolSize }),
  ];
  if (deps.probeRedis !== null) checks.push(checkRedis(deps.probeRedis));
  yield* runChecks([...checks, ...(await providerChecks(deps, config))], secretsOf(config));
}

async function providerChecks({ openProviders }: DoctorDeps, config: Config): Promise<readonly Check[]> {
  try {
    const { embedder, chatModel } = await openProviders();
    return [
      ...(embedder === null ? [] : [checkEmbedding(embedder)]),
      ...(chatModel === null ? [] : [checkExtraction(chatModel, config.extractionTimeoutSeconds * 1_000)]),
    ];
  } catch (error) {
    const finding = fail('embedding', messageOf(error), 'set one of them, or EMBEDDING_MODEL to lexical');
    return [{ name: 'embedding', boundMs: 1_000, run: async () => [finding] }];
  }
}

function secretsOf(config: Config): readonly string[] {
  const urls = [config.databaseUrl, config.databaseDirectUrl, ...(config.redisUrls ?? [])].flatMap((url) => url ?? []);
  const passwords = urls.flatMap((url) => {
    const { password } = new URL(url);
    return [url, password, decodeURIComponent(password)];
  });
  const { jwtSecret, openAiApiKey, cliToken, cliPassword, traceHeaders } = config;
  const texts = [jwtSecret, openAiApiKey, cliToken, cliPassword, ...Object.values(traceHeaders ?? {})];
  return [...passwords, ...texts.flatMap((text) => text ?? [])];
}
