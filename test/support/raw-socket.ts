/** A WebSocket whose bytes the test writes itself. */
import { once } from 'node:events';
import { get } from 'node:http';
import type { Socket } from 'node:net';

export async function openRawSocket(url: string): Promise<Socket> {
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const request = get(`${url}/api/v1/sync`, { headers });
  const [, socket] = (await once(request, 'upgrade')) as [unknown, Socket];
  return socket;
}
