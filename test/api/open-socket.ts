import type { IncomingMessage } from 'node:http';
import { json } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import type { Answered } from '../support/openapi.ts';

/** A request for a socket, with its answer: of status 101 when there is one, which is open until this is disposed of. */
export interface OpenedSocket extends AsyncDisposable {
  readonly answer: Answered;
}

export async function openSocket(url: string, headers: Readonly<Record<string, string>> = {}): Promise<OpenedSocket> {
  const socket = new WebSocket(url.replace('http', 'ws'), { headers });
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    socket.once('upgrade', resolve);
    socket.once('unexpected-response', (_, refused: IncomingMessage) => resolve(refused));
    socket.once('error', reject);
  });
  const status = response.statusCode ?? 0;
  const body: unknown = status === 101 ? undefined : await json(response);
  return {
    answer: { status, headers: new Headers(response.headers as Record<string, string>), body },
    async [Symbol.asyncDispose]() {
      // Ended before it was open, it tells of that as an error.
      socket.on('error', () => undefined);
      socket.terminate();
    },
  };
}
