/** The baseline of idle sockets: `ws` and nothing else. Whoever connects is connected; what it says is not looked at. A process of its own. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('connection', (socket) => socket.on('message', () => socket.send('')));
await once(server, 'listening');
console.log(`bare sockets on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
process.once('SIGTERM', () => {
  for (const socket of server.clients) socket.terminate();
  server.close();
});
