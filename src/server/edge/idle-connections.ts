/**
 * Lets a server close: it waits for its connections, and one that a request keeps open is idle only once that is answered. One
 * that never asked for anything, as browsers open them in advance, counts as busy in Node for a minute; it is ended as well.
 */
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

const checkEveryMs = 100;

export function closeIdleConnectionsWhileDraining(app: FastifyInstance): void {
  const sockets = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const closeIdle = (): void => {
    app.server.closeIdleConnections();
    for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
  };
  let checking: NodeJS.Timeout | undefined;
  app.addHook('preClose', async () => {
    if (app.server.listening) checking = setInterval(closeIdle, checkEveryMs);
  });
  app.server.on('close', () => clearInterval(checking));
}
