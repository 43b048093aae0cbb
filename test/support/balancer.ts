/** A balancer as simple as they come: TCP, in turn, no stickiness; who does not take a connection is passed over. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Balancer extends AsyncDisposable {
  readonly url: string;
  /** Ports on 127.0.0.1. */
  targets: readonly number[];
}

export async function startBalancer(targets: readonly number[]): Promise<Balancer> {
  const sockets = new Set<Socket>();
  let turn = 0;
  const balancer = { targets };
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  };
  const dial = (near: Socket, attempts: number): void => {
    const port = balancer.targets[turn++ % balancer.targets.length];
    if (port === undefined || attempts === 0) return void near.destroy();
    const far = connect(port, '127.0.0.1');
    keep(far);
    const again = (): void => dial(near, attempts - 1);
    far.once('error', again);
    far.once('connect', () => {
      far.off('error', again);
      near.pipe(far).pipe(near);
      far.on('close', () => near.destroy());
      near.on('close', () => far.destroy());
    });
  };
  const server = createServer((near) => {
    keep(near);
    dial(near, balancer.targets.length);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(balancer, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  });
}
