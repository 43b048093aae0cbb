/** What some networks do: HTTP passes, and an upgrade to a WebSocket is refused. */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HttpOnlyProxy extends AsyncDisposable {
  readonly url: string;
  /** Upgrades that were asked for, and refused. */
  readonly refused: number;
}

export async function startHttpOnlyProxy(target: string): Promise<HttpOnlyProxy> {
  let refused = 0;
  const server = createServer((incoming, answer) => {
    const { method, headers, url } = incoming;
    const outgoing = request(`${target}${url}`, { headers, ...(method !== undefined && { method }) }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    incoming.pipe(outgoing);
  });
  server.on('upgrade', (_request, socket) => {
    refused++;
    socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get refused() {
      return refused;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
