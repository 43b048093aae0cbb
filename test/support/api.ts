/** The HTTP API as a caller sees it, with the shapes of its answers. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll } from 'vitest';
import type { EventJson } from '../../src/server/edge/event-json.ts';
import type { MemoryJson } from '../../src/server/edge/memory-json.ts';
import type { Problem } from '../../src/server/edge/problem.ts';
import type { OpenTestDatabase } from './databases.ts';
import { startTestServer, type TestServer, type TestUser } from './server.ts';

export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

export interface MemoryList {
  readonly memories: readonly MemoryJson[];
  readonly nextCursor: string | null;
}

export interface EventList {
  readonly events: readonly EventJson[];
  readonly nextCursor: string | null;
}

export interface WireEvent {
  readonly seq: number;
  readonly device: string;
  readonly counter: number;
  readonly outcome: string;
  readonly code?: string;
  readonly lost?: readonly string[];
  readonly memoryId: string;
}

export interface Pushed {
  readonly acked: number;
  readonly head: number;
  readonly events: readonly WireEvent[];
}

export interface Side {
  readonly seq: number;
  readonly device: { readonly id: string; readonly name: string };
  readonly value: unknown;
}

export interface ConflictJson {
  readonly id: string;
  readonly memoryId: string;
  readonly register: string;
  readonly winner: Side;
  readonly loser: Side;
  readonly status: 'open' | 'resolved';
  readonly resolution?: string;
  readonly resolvedSeq?: number;
}

export interface ConflictList {
  readonly conflicts: readonly ConflictJson[];
  readonly nextCursor: string | null;
}

export interface Updates {
  readonly changes: readonly {
    readonly id: string;
    readonly seq: number;
    readonly deleted: boolean;
    readonly memory?: MemoryJson;
  }[];
  readonly events: readonly WireEvent[];
  readonly cursor: string;
  readonly head: number;
  readonly done: boolean;
}

export interface Verdict {
  readonly verified: boolean;
  readonly events: number;
  readonly head: number;
  readonly headHash: string;
  readonly brokenAt?: number;
  readonly reason?: string;
}

export type JsonPatch = readonly {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
  readonly from?: string;
}[];

export interface Op {
  readonly memoryId: string;
  readonly hlc: string;
  readonly base?: number;
  readonly patch: JsonPatch;
}

export interface Api {
  readonly user: TestUser;
  call<T = Problem>(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer<T>>;
  get<T = Problem>(path: string): Promise<Answer<T>>;
  /** A memory of fact and user_global unless told otherwise. */
  create(fields?: Readonly<Record<string, unknown>>): Promise<MemoryJson>;
  push(device: string, firstCounter: number, base: number, ops: readonly Op[]): Promise<Answer<Pushed>>;
  head(): Promise<number>;
}

/** Speaks for one user. A string is sent as it is, anything else as JSON. */
export function createApi(url: string, user: TestUser): Api {
  const call: Api['call'] = async <T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${user.token}`, ...type, ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '');
    return { status: response.status, headers: response.headers, body: (isJson ? JSON.parse(text) : text) as T };
  };
  return {
    user,
    call,
    get: (path) => call('GET', path),
    async create(fields = {}) {
      const answer = await call<MemoryJson>('POST', '/memories', {
        content: 'Tea',
        type: 'fact',
        scope: 'user_global',
        ...fields,
      });
      if (answer.status !== 201) throw new Error(`create: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    push: (device, firstCounter, base, ops) => call('POST', '/memories/sync/push', { device, firstCounter, base, ops }),
    head: async () => (await call<Updates>('GET', '/memories/sync/updates?limit=1')).body.head,
  };
}

/** The first op of a memory. */
export const creation = (memoryId: string, hlc: string, content = 'Tea'): Op => ({
  memoryId,
  hlc,
  patch: [
    { op: 'add', path: '/content', value: content },
    { op: 'add', path: '/type', value: 'fact' },
    { op: 'add', path: '/scope', value: 'user_global' },
  ],
});

export const edit = (memoryId: string, hlc: string, path: string, value: unknown): Op => ({
  memoryId,
  hlc,
  patch: [{ op: 'add', path, value }],
});

export interface ServerFixture {
  readonly server: TestServer;
  /** Of a new user. */
  login(): Promise<Api>;
}

/** A server for the suite that calls this, on a database of its own. */
/** @param env further settings of the server. @param now its clock; default: the system's. */
export function useServer(
  open: OpenTestDatabase,
  env: Readonly<Record<string, string>> = {},
  now: () => number = Date.now,
): ServerFixture {
  let running: TestServer | undefined;
  beforeAll(async () => {
    running = await startTestServer({ database: await open(), env, now });
  });
  afterAll(() => running?.[Symbol.asyncDispose]());
  const server = (): TestServer => {
    if (running === undefined) throw new Error('the server runs inside of tests');
    return running;
  };
  return {
    get server() {
      return server();
    },
    login: async () => createApi(server().url, await server().register(`${randomUUID()}@example.org`)),
  };
}
