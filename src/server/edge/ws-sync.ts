/** `WS /api/v1/sync`: upgrades, and the sockets of this process. */
import websocket from '@fastify/websocket';
import type { FastifyInstance } from 'fastify';
import type { Access } from '../access/access.ts';
import { type ConnectionDeps, SyncConnection, sessionLimits } from './ws-connection.ts';

export interface SyncSocketDeps extends Omit<ConnectionDeps, 'onFault' | 'access'> {
  readonly access: Access;
}

/** Expired tokens and silent sockets are found this often, ms. */
const tickEveryMs = 1_000;

export async function registerSyncSocket(app: FastifyInstance, deps: SyncSocketDeps): Promise<void> {
  const connections = new Set<SyncConnection>();
  // A frame up to twice the limit is read, so that it gets a typed error; beyond that the socket is closed with 1009.
  await app.register(websocket, { options: { maxPayload: 2 * sessionLimits.maxFrameBytes, perMessageDeflate: false } });
  app.get<{ Querystring: { token?: string } }>('/api/v1/sync', { websocket: true }, (socket, request) => {
    const onFault = (error: unknown): void => request.log.error({ err: error }, 'sync socket');
    const connection = new SyncConnection({ ...deps, onFault }, socket, request.query.token ?? null);
    connections.add(connection);
    socket.on('close', () => connections.delete(connection));
    connection.start();
  });
  const ticking = setInterval(() => {
    for (const connection of connections) connection.tick();
  }, tickEveryMs).unref();
  const stopListening = deps.access.endedSessions.listen((ended) => {
    for (const connection of connections)
      if (isOf(connection, ended)) connection.end(ended.deviceId === undefined ? 'unauthorized' : 'device_revoked');
  });
  app.addHook('preClose', async () => {
    clearInterval(ticking);
    stopListening();
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
