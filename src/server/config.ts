/** Configuration: one table of environment variables, and the only reader of process.env. */
import type { z } from 'zod';
import { err, ok, type Result } from '../core/result.ts';
import {
  addresses,
  anyText,
  fraction,
  httpUrl,
  integer,
  keyPrefix,
  oneOf,
  origins,
  pairs,
  postgresUrl,
  redisUrls,
  secretText,
} from './config-values.ts';

/** One row: the name, how its text is read, its default as one would write it (null: none), its unit, what it is for. */
interface Setting<T> {
  readonly name: string;
  readonly schema: z.ZodType<T, string>;
  readonly default: string | null;
  readonly unit: string;
  readonly text: string;
  /** Its value is never shown. */
  readonly isSecret: boolean;
}

const logLevels = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

const settings = {
  port: row('PORT', integer(0, 65_535), '3000', 'port', 'Where to listen; 0 takes any free port.'),
  host: row('HOST', anyText, '127.0.0.1', 'address', 'Address to listen on; 0.0.0.0 in a container.'),
  dataDir: row(
    'DATA_DIR',
    anyText,
    './data',
    'folder',
    'Holds the embedded database, and the secret that is made without JWT_SECRET.',
  ),
  databaseUrl: secretRow('DATABASE_URL', postgresUrl, 'URL', 'PostgreSQL in place of the embedded database.'),
  databasePoolSize: row('DATABASE_POOL_SIZE', integer(1, 1_000), '10', 'connections', 'Connections to PostgreSQL at most.'),
  databaseWaitSeconds: row(
    'DATABASE_WAIT_SECONDS',
    integer(0, 3_600),
    '30',
    'seconds',
    'How long a start waits for a database that does not answer yet.',
  ),
  databasePooler: row(
    'DATABASE_POOLER',
    oneOf('none', 'transaction', 'transaction-prepared'),
    'none',
    'name',
    'What DATABASE_URL leads through: pgbouncer in transaction mode, or with max_prepared_statements (1.21 and later) as well.',
  ),
  databaseDirectUrl: secretRow(
    'DATABASE_DIRECT_URL',
    postgresUrl,
    'URL',
    'PostgreSQL itself, for what a pooler cannot carry: migrations, building indexes, hints between nodes. Needed with DATABASE_POOLER.',
  ),
  databaseConnectTimeoutMs: row(
    'DATABASE_CONNECT_TIMEOUT_MS',
    integer(100, 600_000),
    '5000',
    'ms',
    'How long a request waits for a connection to PostgreSQL before it is refused as unavailable.',
  ),
  databaseWaitingLimit: row(
    'DATABASE_WAITING_LIMIT',
    integer(1, 1_000_000),
    '1000',
    'statements',
    'So many may wait for a connection; past it requests are refused as overloaded.',
  ),
  databaseStatementTimeoutMs: row(
    'DATABASE_STATEMENT_TIMEOUT_MS',
    integer(100, 3_600_000),
    '30000',
    'ms',
    'PostgreSQL ends a statement that runs longer; the request is refused as overloaded.',
  ),
  rowLevelSecurity: row(
    'ROW_LEVEL_SECURITY',
    oneOf('on', 'off'),
    'off',
    'on or off',
    'A second fence around the rows of each user, in the database; docs/decisions/0013 has what it costs.',
  ),
  groupCommit: row(
    'GROUP_COMMIT',
    oneOf('users', 'user'),
    'users',
    'name',
    'users: one statement writes for many users. user: each is about one, as Citus needs it; docs/SCALING.md.',
  ),
  redisUrls: secretRow(
    'REDIS_URL',
    redisUrls,
    'URLs',
    'Redis 7 or Valkey: hints between nodes, limits that count for all of them. Several URLs are nodes of one cluster.',
  ),
  redisCluster: row('REDIS_CLUSTER', oneOf('on', 'off'), 'off', 'on or off', 'REDIS_URL is one address of a cluster.'),
  redisPrefix: row('REDIS_PREFIX', keyPrefix, 'aibrain:', 'text', 'Begins every key and channel in Redis.'),
  nodeHints: row(
    'NODE_HINTS',
    oneOf('auto', 'off'),
    'auto',
    'auto or off',
    'Nodes tell each other of writes and logouts over Redis, else over PostgreSQL; off: only polls find them.',
  ),
  jwtSecret: secretRow(
    'JWT_SECRET',
    secretText,
    '32 bytes or more',
    'Signs access tokens. Needed in production; elsewhere made once, in DATA_DIR.',
  ),
  jwtKeys: secretRow(
    'JWT_KEYS',
    anyText,
    'file, JWK set or PEM',
    'Keys of access tokens: the first private or secret one signs, all verify, JWT_SECRET last. docs/SECURITY.md says how to change them.',
  ),
  accessTokenMinutes: row('ACCESS_TOKEN_MINUTES', integer(1, 1_440), '15', 'minutes', 'Life of an access token.'),
  refreshTokenDays: row('REFRESH_TOKEN_DAYS', integer(1, 3_650), '30', 'days', 'Life of a session that is not used.'),
  rateLimit: row(
    'RATE_LIMIT',
    oneOf('on', 'off'),
    'on',
    'on or off',
    'Limits of rates, and of what one address may; off for load tests only.',
  ),
  trustProxy: row('TRUST_PROXY', addresses, '', 'addresses', 'Reverse proxies, IP or CIDR, whose X-Forwarded-For is believed.'),
  corsOrigins: row('CORS_ORIGIN', origins, '', 'origins', 'Web origins that may call, comma separated; * for any.'),
  queryToken: row(
    'QUERY_TOKEN',
    oneOf('accept', 'refuse'),
    'accept',
    'accept or refuse',
    'Whether a socket may have its token in the URL, ?token=, which proxies and histories may keep.',
  ),
  bodyLimitBytes: row(
    'BODY_LIMIT_BYTES',
    integer(1_024, 1_073_741_824),
    '1048576',
    'bytes',
    'Largest request body where a route has no limit of its own.',
  ),
  requestsInFlight: row(
    'REQUESTS_IN_FLIGHT',
    integer(1, 1_000_000),
    '1000',
    'requests',
    'Small reads and writes under way at a time; four times as many wait.',
  ),
  requestsPerUser: row('REQUESTS_PER_USER', integer(1, 1_000_000), '100', 'requests', 'Of them, those of one user.'),
  searchesInFlight: row(
    'SEARCHES_IN_FLIGHT',
    integer(1, 10_000),
    '8',
    'requests',
    'Searches under way at a time, half of them of one user at most.',
  ),
  ingestsInFlight: row(
    'INGESTS_IN_FLIGHT',
    integer(1, 10_000),
    '32',
    'requests',
    'Conversations being read at a time, an eighth of them of one user at most.',
  ),
  transfersInFlight: row(
    'TRANSFERS_IN_FLIGHT',
    integer(1, 10_000),
    '8',
    'requests',
    'Imports under way at a time, and as many exports; a quarter of them of one user at most.',
  ),
  queueSeconds: row(
    'QUEUE_SECONDS',
    integer(1, 600),
    '10',
    'seconds',
    'How long a request waits for its turn before it is answered 503.',
  ),
  userPerMinute: row(
    'USER_PER_MINUTE',
    integer(1, 10_000_000),
    '6000',
    'requests',
    'Requests of one user in a minute; not counted when RATE_LIMIT is off.',
  ),
  connections: row('CONNECTIONS', integer(1, 1_000_000), '25000', 'connections', 'Connections of clients at a time.'),
  connectionsPerAddress: row(
    'CONNECTIONS_PER_ADDRESS',
    integer(1, 1_000_000),
    '1000',
    'connections',
    'Of them, those of one address that is not in TRUST_PROXY; not counted when RATE_LIMIT is off.',
  ),
  sockets: row('SOCKETS', integer(1, 1_000_000), '20000', 'sockets', 'Sync sockets open at a time.'),
  socketsPerUser: row('SOCKETS_PER_USER', integer(1, 1_000_000), '200', 'sockets', 'Of them, those of one user.'),
  socketsPerAddress: row(
    'SOCKETS_PER_ADDRESS',
    integer(1, 1_000_000),
    '500',
    'sockets',
    'Of them, those of one address; not counted when RATE_LIMIT is off.',
  ),
  slowClientSeconds: row(
    'SLOW_CLIENT_SECONDS',
    integer(1, 3_600),
    '60',
    'seconds',
    'How long a body may bring, or an answer or socket take, next to nothing before its connection is ended.',
  ),
  headPollMs: row('HEAD_POLL_MS', integer(50, 3_600_000), '2000', 'ms', 'How often writes of other processes are looked for.'),
  hintedHeadPollMs: row('HINTED_HEAD_POLL_MS', integer(50, 3_600_000), '10000', 'ms', 'The same while hints between nodes work.'),
  sessionCacheMs: row(
    'SESSION_CACHE_MS',
    integer(0, 1_500),
    '1000',
    'ms',
    'How long a token that was good is taken without asking the database; a logout on another node may take as long to hold.',
  ),
  tombstoneDays: row(
    'TOMBSTONE_DAYS',
    integer(1, 36_500),
    '30',
    'days',
    'How long a deleted memory is kept at least before it is collected.',
  ),
  deviceExpiryDays: row(
    'DEVICE_EXPIRY_DAYS',
    integer(1, 36_500),
    '90',
    'days',
    'How long a device that is not seen holds back the collection of what it has not confirmed.',
  ),
  sessionPollMs: row(
    'SESSION_POLL_MS',
    integer(50, 60_000),
    '1000',
    'ms',
    'How often it is looked for open sockets whose session or device was ended by another process.',
  ),
  drainSeconds: row(
    'DRAIN_SECONDS',
    integer(0, 3_600),
    '10',
    'seconds',
    'How long a stopping server waits for what is under way.',
  ),
  drainNoticeSeconds: row(
    'DRAIN_NOTICE_SECONDS',
    integer(0, 600),
    '0',
    'seconds',
    'How long a stopping server still serves after /ready says 503: as long as a balancer needs to see it.',
  ),
  openAiApiKey: secretRow(
    'OPENAI_API_KEY',
    anyText,
    'key',
    'For OpenAI, or what OPENAI_BASE_URL names: embeddings, and memories from conversations.',
  ),
  openAiBaseUrl: optionalRow(
    'OPENAI_BASE_URL',
    httpUrl,
    'URL',
    'Another provider that speaks OpenAI’s HTTP, with its /v1 (Ollama, llama.cpp, vLLM, LM Studio); may need no key.',
  ),
  embeddingModel: optionalRow(
    'EMBEDDING_MODEL',
    anyText,
    'name',
    'Makes the vectors: lexical is built in, and the default without a key or base URL; with one it is text-embedding-3-small.',
  ),
  extractionModel: row('EXTRACTION_MODEL', anyText, 'gpt-4o-mini', 'model', 'Reads conversations for memories.'),
  extractionTimeoutSeconds: row(
    'EXTRACTION_TIMEOUT_SECONDS',
    integer(1, 3_600),
    '60',
    'seconds',
    'How long one question to that model may take, its repetitions included.',
  ),
  cliUrl: row('AIBRAIN_URL', anyText, 'http://127.0.0.1:3000', 'URL', 'The server that aibrain import and export ask.'),
  cliToken: secretRow('AIBRAIN_TOKEN', anyText, 'token', 'A token or API key for them.'),
  cliPassword: secretRow('AIBRAIN_PASSWORD', anyText, 'password', 'For their --email; without it they ask on the terminal.'),
  environment: row(
    'NODE_ENV',
    oneOf('development', 'production', 'test'),
    'development',
    'name',
    'production refuses what is only safe elsewhere.',
  ),
  slowRequestMs: row(
    'SLOW_REQUEST_MS',
    integer(0, 3_600_000),
    '2000',
    'ms',
    'A request that takes longer is warned of in the log; 0: none is.',
  ),
  slowStatementMs: row(
    'SLOW_STATEMENT_MS',
    integer(0, 3_600_000),
    '1000',
    'ms',
    'A statement of the database that takes longer is warned of in the log, by its name; 0: none is.',
  ),
  traceEndpoint: optionalRow(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    httpUrl,
    'URL',
    'Where traces are sent, by OTLP over HTTP (http://127.0.0.1:4318); not set: there are none.',
  ),
  traceHeaders: secretRow(
    'OTEL_EXPORTER_OTLP_HEADERS',
    pairs,
    'name=value, …',
    'Headers that the receiver of traces asks for, its key for one.',
  ),
  traceServiceName: row('OTEL_SERVICE_NAME', anyText, 'aibrain', 'name', 'The name of this service in traces.'),
  traceRatio: row(
    'OTEL_TRACES_SAMPLER_ARG',
    fraction,
    '1',
    '0 to 1',
    'Share of the traces that are kept; where a caller has decided already, its decision stands.',
  ),
  logLevel: row('LOG_LEVEL', oneOf(...logLevels), 'info', 'level', `What goes to the log: ${logLevels.join(', ')}.`),
} as const;

type Key = keyof typeof settings;
type ValueOf<S> = S extends { readonly schema: z.ZodType<infer T>; readonly default: infer D }
  ? null extends D
    ? T | null
    : T
  : never;

/** Units are in the names. Null: not set. */
export type Config = { readonly [K in Key]: ValueOf<(typeof settings)[K]> };

export type Environment = Readonly<Record<string, string | undefined>>;

/** One wrong variable, for people: names it and says what it should be. */
export type ConfigProblem = string;

/** An empty variable counts as one that is not set. */
export function loadConfig(env: Environment = process.env): Result<Config, readonly ConfigProblem[]> {
  const problems: ConfigProblem[] = [];
  const values = Object.fromEntries(
    Object.entries(settings).map(([key, setting]) => {
      const value = readSetting(setting, env);
      if (value.ok) return [key, value.value];
      problems.push(value.error);
      return [key, null];
    }),
  );
  if (problems.length > 0) return err(problems);
  // Each value was parsed by the schema that types it.
  const config = values as unknown as Config;
  const unsafe = [...contradictions(config), ...unsafeInProduction(config)];
  return unsafe.length > 0 ? err(unsafe) : ok(config);
}

export interface DescribedSetting {
  readonly name: string;
  readonly default: string;
  readonly unit: string;
  readonly text: string;
  /** As the environment has it or by default; of a secret only whether it is set. */
  readonly value: string;
}

/** The table for people, with what is in effect. */
export function describeConfig(env: Environment = process.env): readonly DescribedSetting[] {
  return Object.values(settings).map((setting: Setting<unknown>) => {
    const given = env[setting.name] || undefined;
    const value = setting.isSecret ? (given === undefined ? 'not set' : 'set') : (given ?? setting.default ?? '');
    return { name: setting.name, default: setting.default ?? '', unit: setting.unit, text: setting.text, value };
  });
}

function row<T>(name: string, schema: z.ZodType<T, string>, byDefault: string, unit: string, text: string) {
  return { name, schema, default: byDefault, unit, text, isSecret: false };
}

function optionalRow<T>(name: string, schema: z.ZodType<T, string>, unit: string, text: string) {
  return { name, schema, default: null, unit, text, isSecret: false };
}

function secretRow<T>(name: string, schema: z.ZodType<T, string>, unit: string, text: string) {
  return { name, schema, default: null, unit, text, isSecret: true };
}

function readSetting(setting: Setting<unknown>, env: Environment): Result<unknown, ConfigProblem> {
  const given = env[setting.name] || setting.default;
  if (given === null) return ok(null);
  const parsed = setting.schema.safeParse(given);
  if (parsed.success) return ok(parsed.data);
  const shown = setting.isSecret ? '' : `, not ${JSON.stringify(given.slice(0, 100))}`;
  return err(`${setting.name} must be ${parsed.error.issues[0]?.message}${shown}`);
}

/** Settings that are right each for itself and not together. */
function contradictions(config: Config): readonly ConfigProblem[] {
  if (config.databasePooler === 'none' || config.databaseDirectUrl !== null) return [];
  return ['DATABASE_DIRECT_URL must be set with DATABASE_POOLER: migrations and indexes need PostgreSQL itself'];
}

function unsafeInProduction(config: Config): readonly ConfigProblem[] {
  if (config.environment !== 'production') return [];
  const problems: ConfigProblem[] = [];
  if (config.jwtSecret === null && config.jwtKeys === null) {
    problems.push(
      'JWT_SECRET must be set (or JWT_KEYS) when NODE_ENV is production: at least 32 bytes, as `openssl rand -base64 32` writes it',
    );
  }
  if (config.rateLimit === 'off') problems.push('RATE_LIMIT must be on when NODE_ENV is production');
  // Tokens are credentials: any page that got hold of one, or of a password, could use it from where its reader sees nothing.
  if (config.corsOrigins.includes('*')) {
    problems.push('CORS_ORIGIN must name the origins that may call, not *, when NODE_ENV is production');
  }
  return problems;
}
