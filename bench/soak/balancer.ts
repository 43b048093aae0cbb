/** Connections in turn to whichever server takes them: no stickiness, nothing is looked into. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Cleanup } from '../cleanup.ts';

export interface Balancer {
  readonly url: string;
}

export async function startBalancer(cleanup: Cleanup, ports: readonly number[]): Promise<Balancer> {
  let next = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const first = next++;
    open.add(client);
    client.on('close', () => open.delete(client));
    // Whoever broke the connection, the other end hears of it by its close.
    client.on('error', () => client.destroy());
    forward(
      client,
      ports.map((_, i) => ports[(first + i) % ports.length] ?? 0),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanup.defer(async () => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** A port that refuses is passed over: that server is down. */
function forward(client: Socket, [port, ...others]: readonly number[]): void {
  if (port === undefined || client.destroyed) return void client.destroy();
  const server = connect(port, '127.0.0.1');
  let isOpen = false;
  server.on('error', () => {
    if (isOpen) client.destroy();
    else forward(client, others);
  });
  server.once('connect', () => {
    isOpen = true;
    client.on('close', () => server.destroy());
    server.on('close', () => client.destroy());
    client.setNoDelay(true).pipe(server.setNoDelay(true)).pipe(client);
  });
}
