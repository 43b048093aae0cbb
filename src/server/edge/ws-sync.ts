/** `WS /api/v1/sync`: upgrades, and the sockets of this process. */
import websocket from '@fastify/websocket';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../core/errors.ts';
import type { Access } from '../access/access.ts';
import type { Draining } from './draining.ts';
import { startEndedPoll } from './ended-poll.ts';
import { comeBackWithinMs, leaveInTurn } from './leave-in-turn.ts';
import type { SyncMetrics } from './metrics.ts';
import { sendProblem } from './problem.ts';
import { syncSocketPath } from './sync-socket-door.ts';
import { type ConnectionDeps, SyncConnection, sessionLimits } from './ws-connection.ts';

export interface SyncSocketDeps extends Omit<ConnectionDeps, 'onFault' | 'onRepair' | 'access'> {
  readonly access: Access;
  readonly metrics: SyncMetrics;
  readonly config: { readonly sessionPollMs: number; readonly drainSeconds: number };
  readonly draining: Pick<Draining, 'isOn' | 'onBegin'>;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Expired tokens and silent sockets are found this often, ms. */
const tickEveryMs = 1_000;

export async function registerSyncSocket(app: FastifyInstance, deps: SyncSocketDeps): Promise<void> {
  const connections = new Set<SyncConnection>();
  const { random } = deps;
  const leave = (withinMs: number): Promise<void> => leaveInTurn(connections, { withinMs, random });
  // Before that of the plugin, which would close them without a word.
  app.addHook('preClose', () => leave(0));
  // A frame up to twice the limit is read, so that it gets a typed error; beyond that the socket is closed with 1009.
  await app.register(websocket, {
    options: { maxPayload: 2 * sessionLimits.maxFrameBytes, perMessageDeflate: false },
    // What a client breaks is no fault of the server: one line, not a stack.
    errorHandler: (error, socket, request) => {
      request.log.info({ reason: error.message }, 'a socket was ended by what came over it');
      socket.terminate();
    },
  });
  app.route<{ Querystring: { token?: string } }>({
    method: 'GET',
    url: syncSocketPath,
    // A request that asks for no upgrade; without this its answer would be an empty one.
    handler: (request, reply) => sendProblem(new AppError('not_found', 'Here is a WebSocket only.'), request, reply),
    wsHandler: (socket, request) => {
      const onFault = (error: unknown): void => request.log.error({ err: error }, 'sync socket');
      // Which user it was the request id tells whoever has to know.
      const onRepair = (): void => request.log.warn('the state hash of a device differed: it asks for a snapshot');
      const connection = new SyncConnection({ ...deps, onFault, onRepair }, socket, request.query.token ?? null);
      connections.add(connection);
      socket.on('close', () => connections.delete(connection));
      connection.start();
      // Who comes now came through a balancer that has not heard yet.
      if (deps.draining.isOn) void connection.leave(Math.round(random() * comeBackWithinMs));
    },
  });
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

type Ended = Parameters<Parameters<Access['endedSessions']['listen']>[0]>[0];

function isOf(connection: SyncConnection, ended: Ended): boolean {
  const { principal, replica } = connection;
  if (principal?.userId !== ended.userId) return false;
  if (ended.deviceId !== undefined) return replica?.id === ended.deviceId;
  return ended.sessionId === undefined || principal.sessionId === ended.sessionId;
}
