/** `WS /api/v1/sync`: upgrades, and the sockets of this process. */
import websocket, { type WebSocket } from '@fastify/websocket';
import type {
  FastifyInstance,
  FastifyPluginAsync,
  FastifyRequest,
  onRequestAsyncHookHandler,
  onRequestHookHandler,
} from 'fastify';
import { AppError } from '../../core/errors.ts';
import type { Access } from '../access/access.ts';
import type { Config } from '../config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Tracing } from '../tracing/tracing.ts';
import type { Draining } from './draining.ts';
import { startEndedPoll } from './ended-poll.ts';
import { frameRates } from './frame-budget.ts';
import { comeBackWithinMs, leaveInTurn } from './leave-in-turn.ts';
import { createOriginCheck, isSameOrigin } from './origins.ts';
import { sendProblem } from './problem.ts';
import type { RequestLog } from './request-log.ts';
import { syncSocketPath } from './sync-socket-door.ts';
import { type ConnectionDeps, SyncConnection, sessionLimits } from './ws-connection.ts';
import { createSocketPlaces, type SocketPlacesConfig } from './ws-places.ts';

export interface SyncSocketDeps extends Omit<ConnectionDeps, OfSocket> {
  readonly access: Access;
  readonly metrics: Metrics;
  readonly tracing: Tracing | null;
  readonly config: SocketPlacesConfig &
    Pick<Config, 'sessionPollMs' | 'slowClientSeconds' | 'drainSeconds' | 'corsOrigins' | 'queryToken'>;
  readonly draining: Pick<Draining, 'isOn' | 'onBegin'>;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Made here, or for each socket. */
type OfSocket = 'onFault' | 'onRepair' | 'access' | 'aroundPush' | 'seats' | 'frameRates' | 'slowMs';

/** Expired tokens and silent sockets are found this often, ms. */
const tickEveryMs = 1_000;

export async function registerSyncSocket(app: FastifyInstance, deps: SyncSocketDeps): Promise<void> {
  const connections = new Set<SyncConnection>();
  const traced = tracedPushes(deps.tracing);
  const { random } = deps;
  const leave = (withinMs: number): Promise<void> => leaveInTurn(connections, { withinMs, random });
  // Before that of the plugin, which would close them without a word.
  app.addHook('preClose', () => leave(0));
  const { config, metrics } = deps;
  const places = createSocketPlaces(config, metrics);
  const bounds = {
    seats: places.ofUsers,
    frameRates: config.rateLimit === 'on' ? frameRates : null,
    slowMs: config.slowClientSeconds * 1_000,
  };
  const open = (socket: WebSocket, request: SocketRequest): void => {
    // The request that was upgraded names the socket from then on, and whoever has to know finds the user by it.
    const socketId = request.id;
    const onFault = (error: unknown): void => request.log.error({ err: error, socketId }, 'sync socket');
    const onRepair = (): void => request.log.warn({ socketId }, 'the state hash of a device differed: it asks for a snapshot');
    const connection = new SyncConnection(
      { ...deps, ...bounds, ...traced, onFault, onRepair },
      socket,
      request.query.token ?? null,
    );
    connections.add(connection);
    deps.metrics.sockets.opened();
    socket.on('close', (code) => {
      deps.metrics.sockets.closed(code);
      connections.delete(connection);
    });
    connection.start();
    // Who comes now came through a balancer that has not heard yet.
    if (deps.draining.isOn) void connection.leave(Math.round(random() * comeBackWithinMs));
  };
  await registerUpgrade(app, [createUpgradeCheck(deps.config), places.beforeUpgrade], open);
  // Half of the time: what is under way on the last of them needs some, too.
  deps.draining.onBegin(() => leave(deps.config.drainSeconds * 500));
  const ticking = setInterval(() => {
    for (const connection of connections) connection.tick();
  }, tickEveryMs).unref();
  const stopPoll = startEndedPoll(
    { connections, access: deps.access, onError: (error) => app.log.warn({ err: error }, 'ended sessions not read') },
    deps.config.sessionPollMs,
  );
  deps.metrics.countSockets(() => connections.size);
  const stopListening = deps.access.endedSessions.listen((ended) => {
    for (const connection of connections)
      if (isOf(connection, ended)) connection.end(ended.deviceId === undefined ? 'unauthorized' : 'device_revoked');
  });
  app.addHook('onClose', async () => {
    clearInterval(ticking);
    stopListening();
    stopPoll();
  });
}

type SocketRequest = FastifyRequest<{ Querystring: { token?: string } }>;

/** In a scope of its own, so that the hooks of the plugin are those of this route alone. */
async function registerUpgrade(
  app: FastifyInstance,
  checks: readonly (onRequestAsyncHookHandler | onRequestHookHandler)[],
  open: (socket: WebSocket, request: SocketRequest) => void,
): Promise<void> {
  const declare: FastifyPluginAsync = async (scope) => {
    // A frame up to twice the limit is read, so that it gets a typed error; beyond that the socket is closed with 1009.
    await scope.register(websocket, {
      options: { maxPayload: 2 * sessionLimits.maxFrameBytes, perMessageDeflate: false },
      // What a client breaks is no fault of the server: one line, not a stack.
      errorHandler: (error, socket, request) => {
        request.log.info({ reason: error.message, socketId: request.id }, 'a socket was ended by what came over it');
        socket.terminate();
      },
    });
    scope.route<{ Querystring: { token?: string } }>({
      method: 'GET',
      url: syncSocketPath,
      onRequest: [...checks],
      // A request that asks for no upgrade; without this its answer would be an empty one.
      handler: (request, reply) => sendProblem(new AppError('not_found', 'Here is a WebSocket only.'), request, reply),
      wsHandler: open,
    });
  };
  await app.register(declare);
}

/** An upgrade that was answered with something else leaves a connection that nobody reads any more. */
export function closeRefusedUpgrades(requests: Pick<RequestLog, 'onEnd'>): void {
  requests.onEnd(({ raw }) => {
    if (raw.headers.upgrade !== undefined) raw.socket.destroySoon();
  });
}

/** A page of another origin opens no socket here; whoever sends no origin is no page. */
function createUpgradeCheck({ corsOrigins, queryToken }: SyncSocketDeps['config']): onRequestAsyncHookHandler {
  const isAllowed = createOriginCheck(corsOrigins);
  return async ({ headers, query }) => {
    const { origin, host } = headers;
    if (origin !== undefined && !isAllowed(origin) && !isSameOrigin(origin, host)) throw new AppError('origin_refused');
    if (queryToken === 'refuse' && Object.hasOwn(query as object, 'token')) {
      throw new AppError('unauthorized', 'A token does not belong in a URL: send it in HELLO.');
    }
  };
}

function tracedPushes(tracing: Tracing | null): Pick<ConnectionDeps, 'aroundPush'> {
  if (tracing === null) return {};
  return {
    aroundPush: (ops, work) =>
      tracing.span({ name: 'PUSH', kind: 'server', parent: 'none', attributes: { 'aibrain.ops': ops } }, work),
  };
}

type Ended = Parameters<Parameters<Access['endedSessions']['listen']>[0]>[0];

function isOf(connection: SyncConnection, ended: Ended): boolean {
  const { principal, replica } = connection;
  if (principal?.userId !== ended.userId) return false;
  if (ended.deviceId !== undefined) return replica?.id === ended.deviceId;
  return ended.sessionId === undefined || principal.sessionId === ended.sessionId;
}
