import { describe, expect, it } from 'vitest';
import { type Config, describeConfig, type Environment, loadConfig } from '../../src/server/config.ts';

const secret = 's3cret that has more than thirty-two bytes';

function load(env: Environment = {}): Config {
  const config = loadConfig(env);
  if (!config.ok) throw new Error(config.error.join('\n'));
  return config.value;
}

function problemsOf(env: Environment): readonly string[] {
  const config = loadConfig(env);
  return config.ok ? [] : config.error;
}

describe('configuration', () => {
  it('needs nothing', () => {
    expect(load()).toStrictEqual({
      port: 3000,
      host: '127.0.0.1',
      dataDir: './data',
      databaseUrl: null,
      databasePoolSize: 10,
      databaseWaitSeconds: 30,
      databasePooler: 'none',
      databaseDirectUrl: null,
      databaseConnectTimeoutMs: 5_000,
      databaseWaitingLimit: 1_000,
      databaseStatementTimeoutMs: 30_000,
      rowLevelSecurity: 'off',
      groupCommit: 'users',
      redisUrls: null,
      redisCluster: 'off',
      redisPrefix: 'aibrain:',
      nodeHints: 'auto',
      jwtSecret: null,
      jwtKeys: null,
      cliUrl: 'http://127.0.0.1:3000',
      cliToken: null,
      cliPassword: null,
      accessTokenMinutes: 15,
      refreshTokenDays: 30,
      rateLimit: 'on',
      trustProxy: [],
      corsOrigins: [],
      queryToken: 'accept',
      bodyLimitBytes: 1_048_576,
      requestsInFlight: 1_000,
      requestsPerUser: 100,
      searchesInFlight: 8,
      ingestsInFlight: 32,
      transfersInFlight: 8,
      queueSeconds: 10,
      userPerMinute: 6_000,
      connections: 25_000,
      connectionsPerAddress: 1_000,
      sockets: 20_000,
      socketsPerUser: 200,
      socketsPerAddress: 500,
      slowClientSeconds: 60,
      headPollMs: 2_000,
      hintedHeadPollMs: 10_000,
      sessionCacheMs: 1_000,
      sessionPollMs: 1_000,
      tombstoneDays: 30,
      deviceExpiryDays: 90,
      drainSeconds: 10,
      drainNoticeSeconds: 0,
      openAiApiKey: null,
      openAiBaseUrl: null,
      embeddingModel: null,
      extractionModel: 'gpt-4o-mini',
      extractionTimeoutSeconds: 60,
      environment: 'development',
      slowRequestMs: 2_000,
      slowStatementMs: 1_000,
      traceEndpoint: null,
      traceHeaders: null,
      traceServiceName: 'aibrain',
      traceRatio: 1,
      logLevel: 'info',
    });
  });

  it('a pooler needs the way past it', () => {
    const pooled = { DATABASE_URL: 'postgres://u@pooler/aibrain', DATABASE_POOLER: 'transaction' };
    expect(loadConfig(pooled)).toMatchObject({ ok: false, error: [expect.stringMatching(/^DATABASE_DIRECT_URL must be set/)] });
    expect(load({ ...pooled, DATABASE_DIRECT_URL: 'postgres://u@db/aibrain' })).toMatchObject({ databasePooler: 'transaction' });
  });

  it('reads what is set; empty is not set', () => {
    const env = {
      PORT: '0',
      HOST: '',
      CORS_ORIGIN: 'https://a.org, chrome-extension://abc ,',
      TRUST_PROXY: '10.0.0.0/8,::1',
      LOG_LEVEL: 'silent',
    };
    expect(load(env)).toMatchObject({
      port: 0,
      host: '127.0.0.1',
      corsOrigins: ['https://a.org', 'chrome-extension://abc'],
      trustProxy: ['10.0.0.0/8', '::1'],
      logLevel: 'silent',
    });
    expect(load({ DATABASE_URL: 'postgresql://u:p@db/aibrain', JWT_SECRET: secret })).toMatchObject({
      databaseUrl: 'postgresql://u:p@db/aibrain',
      jwtSecret: secret,
    });
    expect(load({ REDIS_URL: 'redis://a, rediss://b:6380/1' })).toMatchObject({ redisUrls: ['redis://a', 'rediss://b:6380/1'] });
  });

  it.each([
    ['PORT', 'eighty', 'PORT must be a whole number from 0 to 65535, not "eighty"'],
    ['PORT', '65536', 'PORT must be a whole number from 0 to 65535, not "65536"'],
    ['PORT', '-1', 'PORT must be a whole number from 0 to 65535, not "-1"'],
    ['PORT', '3000.5', 'PORT must be a whole number from 0 to 65535, not "3000.5"'],
    ['PORT', ' ', 'PORT must be a whole number from 0 to 65535, not " "'],
    ['RATE_LIMIT', 'yes', 'RATE_LIMIT must be one of on, off, not "yes"'],
    ['NODE_ENV', 'prod', 'NODE_ENV must be one of development, production, test, not "prod"'],
    [
      'CORS_ORIGIN',
      'https://a.org/path',
      'CORS_ORIGIN must be origins as in https://example.org, comma separated, or *, not "https://a.org/path"',
    ],
    ['TRUST_PROXY', 'all', 'TRUST_PROXY must be IP addresses or CIDR ranges, comma separated, not "all"'],
    ['DATABASE_URL', 'mysql://u:hunter2@db', 'DATABASE_URL must be a URL as in postgres://user:password@host:5432/database'],
    [
      'REDIS_URL',
      'redis://ok, http://u:hunter2@r',
      'REDIS_URL must be URLs as in redis://user:password@host:6379, comma separated',
    ],
    ['REDIS_URL', ',', 'REDIS_URL must be URLs as in redis://user:password@host:6379, comma separated'],
    ['REDIS_PREFIX', 'a b', 'REDIS_PREFIX must be up to 64 letters, digits and any of : . - _, not "a b"'],
    ['JWT_SECRET', 'hunter2', 'JWT_SECRET must be at least 32 bytes long, as `openssl rand -base64 32` writes it'],
  ])('[SEC-4] %s=%s', (name, value, problem) => {
    expect(problemsOf({ [name]: value })).toStrictEqual([problem]);
  });

  it('names all that is wrong', () => {
    expect(problemsOf({ PORT: 'x', LOG_LEVEL: 'loud', HEAD_POLL_MS: '0' })).toHaveLength(3);
  });

  it('[SEC-8] production refuses * as the origin that may call: tokens are credentials', () => {
    const env = { JWT_SECRET: secret, CORS_ORIGIN: '*' };
    expect(problemsOf(env)).toEqual([]);
    expect(problemsOf({ ...env, NODE_ENV: 'production' })).toEqual([expect.stringMatching(/^CORS_ORIGIN must name the origins/)]);
    const named = 'https://example.org,chrome-extension://*,moz-extension://*';
    expect(problemsOf({ ...env, NODE_ENV: 'production', CORS_ORIGIN: named })).toEqual([]);
    expect(problemsOf({ ...env, CORS_ORIGIN: 'https://*' })).toHaveLength(1);
  });

  it('production is content with token keys in place of a secret', () => {
    expect(problemsOf({ NODE_ENV: 'production', JWT_KEYS: 'keys.json' })).toEqual([]);
  });

  it('production needs a secret and keeps its limits', () => {
    const problems = problemsOf({ NODE_ENV: 'production', RATE_LIMIT: 'off' });
    expect(problems).toStrictEqual([
      expect.stringMatching(/^JWT_SECRET must be set/),
      'RATE_LIMIT must be on when NODE_ENV is production',
    ]);
    expect(problemsOf({ NODE_ENV: 'production', JWT_SECRET: secret })).toStrictEqual([]);
  });

  it('[SEC-4] is described without secrets', () => {
    const rows = describeConfig({ PORT: '4000', JWT_SECRET: secret, DATABASE_URL: 'postgres://u:hunter2@db/aibrain' });
    expect(JSON.stringify(rows)).not.toMatch(/s3cret|hunter2/);
    const valueByName = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
    expect(valueByName).toMatchObject({ PORT: '4000', HOST: '127.0.0.1', JWT_SECRET: 'set', DATABASE_URL: 'set' });
    expect(describeConfig({}).find(({ name }) => name === 'JWT_SECRET')?.value).toBe('not set');
    for (const row of rows) expect(row.text).toMatch(/\.$/);
  });
});
