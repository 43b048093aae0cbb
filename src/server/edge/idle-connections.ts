/** Lets a server close: it waits for its connections, and one that a request keeps open is idle only once that is answered. */
import type { FastifyInstance } from 'fastify';

const checkEveryMs = 100;

export function closeIdleConnectionsWhileDraining(app: FastifyInstance): void {
  let checking: NodeJS.Timeout | undefined;
  app.addHook('preClose', async () => {
    if (app.server.listening) checking = setInterval(() => app.server.closeIdleConnections(), checkEveryMs);
  });
  app.server.on('close', () => clearInterval(checking));
}
