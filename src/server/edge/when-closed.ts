/** Tells when a connection ends, with one listener a connection however many ask: a pipelining client has many requests on one. */
import type { Socket } from 'node:net';

const askersBySocket = new WeakMap<Socket, Set<() => void>>();

/** @returns the way to be told no more. Tells at once when it has ended. */
export function whenClosed(socket: Socket, tell: () => void): () => void {
  if (socket.destroyed) {
    tell();
    return () => undefined;
  }
  const askers = askersBySocket.get(socket) ?? listen(socket);
  askers.add(tell);
  return () => void askers.delete(tell);
}

function listen(socket: Socket): Set<() => void> {
  const askers = new Set<() => void>();
  askersBySocket.set(socket, askers);
  socket.once('close', () => {
    for (const tell of [...askers]) tell();
  });
  return askers;
}
