/** The HTTP side of the server under test. */
import { CheckFailure, expectEqual, show } from './expect.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
  /** The body as JSON, or null when it is none. */
  readonly json: unknown;
}

export interface HttpRequest {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpClient {
  send(method: string, path: string, request?: HttpRequest): Promise<HttpAnswer>;
  /** The JSON of an answer that has to have this status. */
  expect<T>(status: number, method: string, path: string, request?: HttpRequest): Promise<T>;
}

/** @param url of the server, without `/api/v1`. */
export function createHttpClient(url: string, timeoutMs: number): HttpClient {
  const send: HttpClient['send'] = async (method, path, request = {}) => {
    try {
      const response = await fetch(`${url}/api/v1${path}`, {
        method,
        signal: AbortSignal.timeout(timeoutMs),
        ...toInit(request),
      });
      const bytes = new Uint8Array(await response.arrayBuffer());
      return { status: response.status, headers: response.headers, bytes, json: toJson(response.headers, bytes) };
    } catch (error) {
      throw new CheckFailure(`expected an answer to ${method} ${path} within ${timeoutMs} ms, got ${causeOf(error)}`);
    }
  };
  return {
    send,
    async expect<T>(status: number, method: string, path: string, request?: HttpRequest) {
      const answer = await send(method, path, request);
      if (answer.status !== status) expectEqual(`status of ${method} ${path} (${show(answer.json)})`, answer.status, status);
      return answer.json as T;
    },
  };
}

function toInit({ token, body, headers }: HttpRequest): RequestInit {
  const known = {
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  return { headers: { ...known, ...headers }, ...(body !== undefined && { body: JSON.stringify(body) }) };
}

function toJson(headers: Headers, bytes: Uint8Array): unknown {
  if (bytes.length === 0 || !/json/.test(headers.get('content-type') ?? '')) return null;
  return JSON.parse(Buffer.from(bytes).toString('utf8'));
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
