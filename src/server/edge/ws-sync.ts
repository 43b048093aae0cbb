/** `WS /api/v1/sync`: upgrades, and the sockets of this process. */
import websocket from '@fastify/websocket';
import type { FastifyInstance } from 'fastify';
import type { Access } from '../access/access.ts';
import type { Config } from '../config.ts';
import { startEndedPoll } from './ended-poll.ts';
import { frameRates } from './frame-budget.ts';
import type { SyncMetrics } from './metrics.ts';
import { type ConnectionDeps, SyncConnection, sessionLimits } from './ws-connection.ts';
import { createSocketPlaces, type SocketPlacesConfig } from './ws-places.ts';

export interface SyncSocketDeps extends Omit<ConnectionDeps, OfSocket> {
  readonly access: Access;
  readonly metrics: SyncMetrics;
  readonly config: SocketPlacesConfig & Pick<Config, 'sessionPollMs' | 'slowClientSeconds'>;
}

/** Made here, or for each socket. */
type OfSocket = 'onFault' | 'onRepair' | 'access' | 'seats' | 'frameRates' | 'slowMs';

/** Expired tokens and silent sockets are found this often, ms. */
const tickEveryMs = 1_000;

export async function registerSyncSocket(app: FastifyInstance, deps: SyncSocketDeps): Promise<void> {
  const connections = new Set<SyncConnection>();
  // A frame up to twice the limit is read, so that it gets a typed error; beyond that the socket is closed with 1009.
  await app.register(websocket, {
    options: { maxPayload: 2 * sessionLimits.maxFrameBytes, perMessageDeflate: false },
    // What a client breaks is no fault of the server: one line, not a stack.
    errorHandler: (error, socket, request) => {
      request.log.info({ reason: error.message }, 'a socket was ended by what came over it');
      socket.terminate();
    },
  });
  const { config, metrics } = deps;
  const places = createSocketPlaces(config, metrics);
  const bounds = {
    seats: places.ofUsers,
    frameRates: config.rateLimit === 'on' ? frameRates : null,
    slowMs: config.slowClientSeconds * 1_000,
  };
  const options = { websocket: true, onRequest: places.beforeUpgrade } as const;
  app.get<{ Querystring: { token?: string } }>('/api/v1/sync', options, (socket, request) => {
    const onFault = (error: unknown): void => request.log.error({ err: error }, 'sync socket');
    // Which user it was the request id tells whoever has to know.
    const onRepair = (): void => request.log.warn('the state hash of a device differed: it asks for a snapshot');
    const connection = new SyncConnection({ ...deps, ...bounds, onFault, onRepair }, socket, request.query.token ?? null);
    connections.add(connection);
    socket.on('close', () => connections.delete(connection));
    connection.start();
  });
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
  app.addHook('preClose', async () => {
    clearInterval(ticking);
    stopListening();
    stopPoll();
    for (const connection of connections) connection.goAway();
  });
}

type Ended = Parameters<Parameters<Access['endedSessions']['listen']>[0]>[0];

function isOf(connection: SyncConnection, ended: Ended): boolean {
  const { principal, replica } = connection;
  if (principal?.userId !== ended.userId) return false;
  if (ended.deviceId !== undefined) return replica?.id === ended.deviceId;
  return ended.sessionId === undefined || principal.sessionId === ended.sessionId;
}
