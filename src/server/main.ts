/** The process: environment → config → deps → app → listen → drain on SIGTERM. */
import { constants } from 'node:os';
import type { FastifyInstance } from 'fastify';
import { createApp } from './app.ts';
import { type Config, loadConfig } from './config.ts';
import { createDeps, type Deps } from './deps.ts';
import { createLogger } from './edge/logger.ts';
import { DatabaseError, DatabaseUnavailable } from './infra/database.ts';
import { DataDirInUse } from './infra/embedded-lock.ts';
import { MigrationChanged, SchemaTooNew } from './infra/migrate.ts';

const startedAt = performance.now();

await main();

async function main(): Promise<void> {
  const config = loadConfig();
  if (!config.ok) return fail(config.error.join('\n'));
  const log = createLogger(config.value.logLevel);
  const die = (error: unknown): never => {
    log.fatal({ err: error }, 'the process ends');
    process.exit(1);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);
  const stopEnding = endOnSignal();
  try {
    const deps = await createDeps(config.value, { log, onBroken: die });
    const app = await createApp(deps, log);
    await app.listen({ port: config.value.port, host: config.value.host });
    stopEnding();
    drainOnSignal(app, deps);
    say(greeting(config.value, addressOf(app, config.value.host), deps));
  } catch (error) {
    fail(explain(error, config.value));
  }
}

/** Until it listens there is nothing to finish. Said here because Linux has no default for process 1, as in a container. */
function endOnSignal(): () => void {
  const signals = ['SIGTERM', 'SIGINT'] as const;
  const end = (signal: NodeJS.Signals): never => process.exit(128 + constants.signals[signal]);
  for (const signal of signals) process.on(signal, end);
  return () => {
    for (const signal of signals) process.off(signal, end);
  };
}

/** The first signal ends gracefully, the second at once. */
function drainOnSignal(app: FastifyInstance, deps: Deps): void {
  let isDraining = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isDraining) process.exit(1);
    isDraining = true;
    say(`${signal}: finishing what is under way; again to stop at once`);
    const { drainSeconds, drainNoticeSeconds } = deps.config;
    setTimeout(
      () => {
        deps.log.warn({ drainSeconds }, 'stopped before everything was finished');
        process.exit(1);
      },
      (drainSeconds + drainNoticeSeconds) * 1_000,
    ).unref();
    void drain(app, deps);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

/** Sockets are told to come back, then nothing new is accepted; what was accepted is committed, then the database closes. */
async function drain(app: FastifyInstance, deps: Deps): Promise<void> {
  await deps.draining.begin();
  await app.close();
  await deps.close();
  process.exit(0);
}

function greeting(config: Config, url: string, deps: Deps): string {
  const tookMs = Math.round(performance.now() - startedAt);
  const body = JSON.stringify({ email: 'you@example.org', password: 'a long passphrase' });
  return `AIBrain Server ${deps.version}
listening on ${url}
database     ${deps.db.description}
started in   ${tookMs} ms${config.rateLimit === 'off' ? '\nrate limits  off' : ''}

Try: curl -X POST ${url}/api/v1/auth/register -H 'content-type: application/json' -d '${body}'
     npm run demo
`;
}

function addressOf(app: FastifyInstance, host: string): string {
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : '';
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** One line for what the person who starts it can mend; everything else is a fault of ours and shows where. */
function explain(error: unknown, config: Config): string {
  if (error instanceof DataDirInUse || error instanceof SchemaTooNew || error instanceof MigrationChanged) return error.message;
  const place = config.databaseUrl === null ? config.dataDir : 'the server of DATABASE_URL';
  if (error instanceof DatabaseUnavailable) return `the database (${place}) cannot be used: ${error.message}`;
  if (error instanceof DatabaseError) return `the database (${place}) refused: ${error.message}`;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') return `port ${config.port} of ${config.host} is in use: stop what listens there, or set PORT`;
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTDIR' || code === 'EROFS') return String(error);
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function fail(text: string): never {
  process.stderr.write(`${text.replace(/^/gm, 'aibrain: ')}\n`);
  process.exit(1);
}
