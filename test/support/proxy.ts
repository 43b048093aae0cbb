/** A TCP proxy that can be switched off: connections are dropped and new ones refused, or they stay and nothing passes. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CuttableProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections that are open through it. */
  readonly connections: number;
  /** Drops what is open, in the middle of whatever it says, and everything that comes. */
  goAway(): void;
  comeBack(): void;
  /** Nothing passes any more, in either direction, and nobody is told: a network that swallows. */
  hold(): void;
  /** The same, but only for what the server says: what is sent arrives, and its sender never learns. */
  holdAnswers(): void;
  /** What was held passes. */
  letGo(): void;
}

export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<CuttableProxy> {
  const sockets = new Set<Socket>();
  const fromServer = new WeakSet<Socket>();
  let isAway = false;
  let isHeld = false;
  const server = createServer((near) => {
    if (isAway) return void near.destroy();
    const far = connect(target);
    fromServer.add(far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      if (isHeld) from.pause();
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return sockets.size / 2;
    },
    goAway() {
      isAway = true;
      for (const socket of sockets) socket.destroy();
    },
    comeBack() {
      isAway = false;
    },
    hold() {
      isHeld = true;
      for (const socket of sockets) socket.pause();
    },
    holdAnswers() {
      for (const socket of sockets) if (fromServer.has(socket)) socket.pause();
    },
    letGo() {
      isHeld = false;
      for (const socket of sockets) socket.resume();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
