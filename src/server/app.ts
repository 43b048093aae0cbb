/** The HTTP server, put together: hooks, errors, routes. It listens when main tells it to. */
import { randomUUID } from 'node:crypto';
import cors from '@fastify/cors';
import fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { AppError } from '../core/errors.ts';
import type { Config } from './config.ts';
import { installAnswerHeaders } from './edge/answer-headers.ts';
import { createSendTogether, sendAtOnce } from './edge/answers-together.ts';
import { createAuthHook } from './edge/auth-hook.ts';
import { answerClientError } from './edge/client-error.ts';
import { endConnectionsWhileDraining } from './edge/draining.ts';
import { registerAccountRoutes } from './edge/http-account.ts';
import { registerApiKeyRoutes } from './edge/http-api-keys.ts';
import { registerAuditRoutes } from './edge/http-audit.ts';
import { type AuthDeps, registerAuthRoutes } from './edge/http-auth.ts';
import { registerConflictRoutes } from './edge/http-conflicts.ts';
import { registerDeviceRoutes } from './edge/http-devices.ts';
import { type DocsDeps, registerDocs } from './edge/http-docs.ts';
import { registerHistoryRoutes } from './edge/http-history.ts';
import { type IngestRouteDeps, registerIngestRoute } from './edge/http-ingest.ts';
import { type PublishedKeysDeps, registerPublishedKeys } from './edge/http-keys.ts';
import { httpLimits } from './edge/http-limits.ts';
import { type MemoryRouteDeps, registerMemoryRoutes } from './edge/http-memories.ts';
import { registerMemoryChangeRoutes } from './edge/http-memory-changes.ts';
import { type OperationsDeps, registerOperations } from './edge/http-operations.ts';
import { registerSearchRoute, type SearchRouteDeps } from './edge/http-search.ts';
import { registerSyncRoutes, type SyncRouteDeps } from './edge/http-sync.ts';
import { registerTransferRoutes, type TransferRouteDeps } from './edge/http-transfer.ts';
import { closeIdleConnectionsWhileDraining } from './edge/idle-connections.ts';
import { installJsonBodies } from './edge/json-body.ts';
import { headersCheckMs, installLoadLimits, type LoadLimitDeps } from './edge/load-limits.ts';
import { createOriginCheck } from './edge/origins.ts';
import { sendError, sendProblem } from './edge/problem.ts';
import { createUserLimit, installRateLimits, type RateLimitDeps } from './edge/rate-limits.ts';
import { RequestLog } from './edge/request-log.ts';
import { type RequestWatchDeps, watchRequests } from './edge/request-watch.ts';
import { closeRefusedUpgrades, registerSyncSocket, type SyncSocketDeps } from './edge/ws-sync.ts';

export interface AppDeps
  extends AuthDeps,
    DocsDeps,
    OperationsDeps,
    PublishedKeysDeps,
    SearchRouteDeps,
    Omit<MemoryRouteDeps, 'db'>,
    Pick<IngestRouteDeps, 'ingest'>,
    Pick<SyncRouteDeps, 'push'>,
    Omit<LoadLimitDeps, 'metrics'>,
    TransferRouteDeps,
    RequestWatchDeps,
    RateLimitDeps,
    SyncSocketDeps {
  readonly config: Config;
}

export async function createApp(deps: AppDeps, log: FastifyBaseLogger): Promise<FastifyInstance> {
  const requests = new RequestLog();
  const app = createServer(deps.config, log, requests);
  closeIdleConnectionsWhileDraining(app);
  endConnectionsWhileDraining(app, deps.draining);
  installJsonBodies(app);
  watchRequests(app, requests, deps);
  closeRefusedUpgrades(requests);
  app.decorate('declaredRoutes', []);
  app.decorate('sendAnswer', deps.tracing === null ? createSendTogether() : sendAtOnce);
  app.decorate('authenticate', createAuthHook(deps.access));
  app.decorateRequest('principal', null);
  installAnswerHeaders(app, { hsts: deps.config.environment === 'production' });
  app.setErrorHandler(sendError);
  app.setNotFoundHandler((request, reply) => sendProblem(new AppError('not_found'), request, reply));
  await limitRates(app, deps);
  installLoadLimits(app, deps);
  await installCors(app, deps.config.corsOrigins);
  registerOperations(app, deps);
  registerDocs(app, deps);
  registerPublishedKeys(app, deps);
  const registerRoutes = (api: FastifyInstance, _: object, done: () => void): void => {
    registerApi(api, deps);
    done();
  };
  await app.register(registerRoutes, { prefix: '/api/v1' });
  await registerSyncSocket(app, deps);
  return app;
}

async function limitRates(app: FastifyInstance, deps: AppDeps): Promise<void> {
  const { config, metrics } = deps;
  const isOn = config.rateLimit === 'on';
  if (isOn) await installRateLimits(app, deps, { prefix: config.redisPrefix, onRefused: () => metrics.refused('rate') });
  app.decorate('limitUser', isOn ? createUserLimit(app, config.userPerMinute) : null);
}

/** The routes under /api/v1, one line each. */
function registerApi(api: FastifyInstance, deps: AppDeps): void {
  registerAuthRoutes(api, deps);
  registerAccountRoutes(api, deps);
  registerDeviceRoutes(api, deps);
  registerApiKeyRoutes(api, deps);
  registerMemoryRoutes(api, deps);
  registerMemoryChangeRoutes(api, deps);
  registerSearchRoute(api, deps);
  registerIngestRoute(api, deps);
  registerTransferRoutes(api, deps);
  registerHistoryRoutes(api, deps);
  registerSyncRoutes(api, deps);
  registerAuditRoutes(api, deps);
  registerConflictRoutes(api, deps);
}

function createServer(config: Config, log: FastifyBaseLogger, requests: RequestLog): FastifyInstance {
  return fastify({
    loggerInstance: log,
    logController: requests,
    bodyLimit: config.bodyLimitBytes,
    routerOptions: { maxParamLength: httpLimits.pathParamChars },
    trustProxy: config.trustProxy.length > 0 ? [...config.trustProxy] : false,
    // Ours alone: a caller's own could not be told apart in the log.
    requestIdHeader: false,
    genReqId: () => randomUUID(),
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply),
    clientErrorHandler: answerClientError,
    // A request as a whole has no time: a large file may take its own, as long as it moves (slow-peers).
    http: {
      maxHeaderSize: httpLimits.headerBytes,
      headersTimeout: httpLimits.headersTimeoutMs,
      connectionsCheckingInterval: headersCheckMs,
    },
  });
}

async function installCors(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) return;
  await app.register(cors, {
    // Without credentials: what proves a caller is a header that its page sets, never a cookie that comes along.
    origin: origins.includes('*') ? '*' : toCorsCheck(origins),
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: [
      'etag',
      'sync-cursor',
      'retry-after',
      'ratelimit-limit',
      'ratelimit-remaining',
      'ratelimit-reset',
      'x-request-id',
    ],
    maxAge: 86_400,
  });
}

function toCorsCheck(origins: readonly string[]) {
  const isAllowed = createOriginCheck(origins);
  return (origin: string | undefined, done: (error: Error | null, allow: boolean) => void): void =>
    done(null, origin !== undefined && isAllowed(origin));
}
