/** One request by the operation it is of. */
import type { Answered, Operation } from './openapi.ts';

export interface RequestParts {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | readonly string[]>>;
  /** A string or bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown;
  /** Default: the first that the operation takes. */
  readonly mediaType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Null: none. Default: that of the caller. */
  readonly token?: string | null;
}

export async function callOperation(
  url: string,
  operation: Operation,
  parts: RequestParts,
  token: string | null,
): Promise<Answered> {
  const response = await fetch(url + pathOf(operation, parts), {
    method: operation.method,
    headers: headersOf(operation, parts, token),
    ...(parts.body !== undefined && { body: bytesOf(parts.body) }),
  });
  const bytes = new Uint8Array(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, body: read(bytes, response.headers.get('content-type') ?? '') };
}

function pathOf({ path }: Operation, { params = {}, query = {} }: RequestParts): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) for (const item of [value].flat()) search.append(name, item);
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  return search.size === 0 ? filled : `${filled}?${search}`;
}

function headersOf(operation: Operation, parts: RequestParts, callers: string | null): Record<string, string> {
  const token = parts.token === undefined ? callers : parts.token;
  const mediaType = parts.mediaType ?? Object.keys(operation.requestBody?.content ?? {})[0];
  return {
    ...(token !== null && operation.security.length > 0 && { authorization: `Bearer ${token}` }),
    ...(parts.body !== undefined && mediaType !== undefined && { 'content-type': mediaType }),
    ...parts.headers,
  };
}

function bytesOf(body: unknown): string | Uint8Array<ArrayBuffer> {
  if (body instanceof Uint8Array) return new Uint8Array(body);
  return typeof body === 'string' ? body : JSON.stringify(body);
}

function read(bytes: Uint8Array, mediaType: string): unknown {
  if (bytes.length === 0 && mediaType === '') return undefined;
  if (!/^application\/([a-z]+\+)?json/.test(mediaType)) return bytes;
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
}
