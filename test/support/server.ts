/** A whole server in this process, on a free port, with a database of its own. */

import type { DestinationStream } from 'pino';
import { createApp } from '../../src/server/app.ts';
import { type Config, loadConfig } from '../../src/server/config.ts';
import { createDeps, type Deps, tracingOptions } from '../../src/server/deps.ts';
import { createLogger } from '../../src/server/edge/logger.ts';
import { openTracing } from '../../src/server/tracing/open-tracing.ts';
import { type TestDatabase, testDatabase } from './databases.ts';
import { testMode } from './test-mode.ts';

export interface TestServerOptions {
  /** Default: a PGlite of its own. Either way it is thrown away with the server. */
  readonly database?: TestDatabase;
  /** Further environment variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the system's clock. */
  readonly now?: () => number;
  /** Where the log goes; nothing is logged without it. */
  readonly log?: DestinationStream;
}

export interface TestUser {
  readonly email: string;
  readonly password: string;
  readonly token: string;
  readonly refreshToken: string;
  readonly user: { readonly id: string; readonly email: string; readonly createdAt: string };
  readonly device: { readonly id: string; readonly name: string };
}

export interface TestServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly config: Config;
  readonly deps: Deps;
  /** A user of its own, logged in. */
  register(email?: string): Promise<TestUser>;
}

export const testPassword = 'correct horse, battery staple';

export async function startTestServer({ database, env, now, log }: TestServerOptions = {}): Promise<TestServer> {
  const place = database ?? (await testDatabase());
  const config = testConfig(env);
  const tracing = await openTracing({ ...tracingOptions(config), version: 'test' });
  const logger = createLogger({
    level: log === undefined ? 'silent' : config.logLevel,
    ...(log !== undefined && { destination: log }),
    tracing,
  });
  const deps = await createDeps(config, { log: logger, tracing, db: place.fenced, ...(now !== undefined && { now }) });
  const app = await createApp(deps, logger);
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return {
    url,
    config,
    // Tests look from outside, as the owner of the tables.
    deps: { ...deps, db: place.db },
    register: (email = `${crypto.randomUUID()}@example.org`) => register(url, email),
    async [Symbol.asyncDispose]() {
      await app.close();
      await deps.close();
      await place[Symbol.asyncDispose]();
    },
  };
}

function testConfig(env: Readonly<Record<string, string>> = {}): Config {
  const config = loadConfig({
    NODE_ENV: 'test',
    RATE_LIMIT: 'off',
    JWT_SECRET: 'a secret that is long enough for a test',
    // How fast this machine is just now must change no log.
    SLOW_REQUEST_MS: '0',
    SLOW_STATEMENT_MS: '0',
    ...testMode.env,
    ...env,
  });
  if (!config.ok) throw new Error(config.error.join('\n'));
  return config.value;
}

async function register(url: string, email: string): Promise<TestUser> {
  const response = await fetch(`${url}/api/v1/auth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password: testPassword }),
  });
  if (response.status !== 201) throw new Error(`register: ${response.status} ${await response.text()}`);
  return { email, password: testPassword, ...((await response.json()) as Omit<TestUser, 'email' | 'password'>) };
}
