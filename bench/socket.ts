import { once } from 'node:events';
import { WebSocket } from 'ws';

export interface SocketHandlers {
  readonly onMessage: (data: Buffer, isBinary: boolean) => void;
  /** The socket closed although nobody here closed it, or a handler threw. */
  readonly onFailure: (error: Error) => void;
}

export interface OpenSocket {
  send(data: Uint8Array | string): void;
  close(): void;
}

/** An open WebSocket without permessage-deflate; frames of any size. */
export async function openSocket(url: string, { onMessage, onFailure }: SocketHandlers): Promise<OpenSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 256 * 1_048_576 });
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    try {
      onMessage(data, isBinary);
    } catch (error) {
      onFailure(error instanceof Error ? error : new Error(String(error)));
      socket.terminate();
    }
  });
  await once(socket, 'open');
  socket.on('error', onFailure);
  socket.on('close', (code, reason) => onFailure(new Error(`the socket was closed: ${code} ${reason.toString()}`)));
  return { send: (data) => socket.send(data), close: () => socket.terminate() };
}
