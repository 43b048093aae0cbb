/**
 * Peers that send or read so slowly that it can be no network. A body has to bring, and an answer to lose, some bytes in each window;
 * what the server itself has not taken or made yet is not held against anybody. Looked for from time to time: no timer a request.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface SlowPeers {
  /** Until the body is here. */
  watchBody(request: IncomingMessage): void;
  /** Until the answer is out. */
  watchReader(response: ServerResponse): void;
  /** Looks at everybody. */
  look(): void;
}

export interface SlowPeersDeps {
  readonly onSlowBody: (socket: Socket) => void;
  readonly onSlowReader: (socket: Socket) => void;
}

export interface SlowPeersLimits {
  /** A window, in looks and not in ms: while this process is held up itself it takes nothing from anybody, and does not look. */
  readonly looks: number;
  /** That a body has to bring in a window. */
  readonly minBytes: number;
}

/** On which connection, for how many looks, and what had passed before them. */
interface Watched {
  readonly socket: Socket;
  looks: number;
  bytes: number;
}

export function createSlowPeers(deps: SlowPeersDeps, { looks, minBytes }: SlowPeersLimits): SlowPeers {
  const bodies = new Map<IncomingMessage, Watched>();
  const readers = new Map<ServerResponse, Watched>();
  const begin = (watched: Watched, bytes: number): void => {
    watched.looks = 0;
    watched.bytes = bytes;
  };
  const isOver = (watched: Watched): boolean => ++watched.looks >= looks;

  const lookAtBody = (request: IncomingMessage, watched: Watched): void => {
    const { bytesRead } = watched.socket;
    // Bytes that wait here are ours to take; meanwhile none come.
    if (request.readableLength > 0) return begin(watched, bytesRead);
    if (!isOver(watched)) return;
    if (bytesRead - watched.bytes >= minBytes) return begin(watched, bytesRead);
    bodies.delete(request);
    deps.onSlowBody(watched.socket);
  };
  const lookAtReader = (response: ServerResponse, watched: Watched): void => {
    const taken = takenBytes(watched.socket);
    if (taken > watched.bytes || watched.socket.writableLength === 0) return begin(watched, taken);
    if (!isOver(watched)) return;
    readers.delete(response);
    deps.onSlowReader(watched.socket);
  };
  return {
    watchBody(request) {
      const { socket } = request;
      bodies.set(request, { socket, looks: 0, bytes: socket.bytesRead });
      const forget = (): void => void bodies.delete(request);
      request.once('end', forget);
      request.once('close', forget);
    },
    watchReader(response) {
      const { socket } = response.req;
      readers.set(response, { socket, looks: 0, bytes: takenBytes(socket) });
      const forget = (): void => void readers.delete(response);
      response.once('finish', forget);
      response.once('close', forget);
    },
    look() {
      for (const [request, watched] of bodies) lookAtBody(request, watched);
      for (const [response, watched] of readers) lookAtReader(response, watched);
    },
  };
}

/** By the network: `bytesWritten` counts what still waits here too. */
const takenBytes = (socket: Socket): number => socket.bytesWritten - socket.writableLength;
