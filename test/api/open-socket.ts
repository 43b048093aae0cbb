import { once } from 'node:events';
import { WebSocket } from 'ws';

/** The status with which the upgrade was answered. */
export async function openSocket(url: string): Promise<number | undefined> {
  const socket = new WebSocket(url.replace('http', 'ws'));
  const [response] = (await once(socket, 'upgrade')) as [{ readonly statusCode?: number }];
  socket.terminate();
  return response.statusCode;
}
