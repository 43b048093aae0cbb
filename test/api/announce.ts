import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { json } from 'node:stream/consumers';
import type { Answered } from '../support/openapi.ts';

/** Says that a body of so many bytes will come, sends none of it, and reads the answer. */
export async function announce(url: string, contentLength: number, token: string): Promise<Answered> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson', 'content-length': contentLength };
  const sent = request(url, { method: 'POST', headers });
  sent.flushHeaders();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const body = await json(response);
  sent.destroy();
  return { status: response.statusCode ?? 0, headers: new Headers(response.headers as Record<string, string>), body };
}
