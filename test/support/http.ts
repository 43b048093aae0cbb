/** One request, sent as it is. */
import type { Problem } from '../../src/server/edge/problem.ts';

export interface Sent {
  readonly token?: string;
  /** A string or bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Received<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/** @param url with the path. */
export async function send<T = Problem>(method: string, url: string, { token, body, headers }: Sent = {}): Promise<Received<T>> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: (text === '' ? undefined : JSON.parse(text)) as T };
}
