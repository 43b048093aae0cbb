/** The few calls that the demo makes over HTTP. */
import type { ConflictId, DeviceId, MemoryId } from '../../src/core/ids.ts';
import type { Memory } from '../../src/core/memory.ts';
import type { RegisterValue } from '../../src/core/register.ts';

export interface Login {
  readonly token: string;
  readonly device: { readonly id: DeviceId; readonly name: string };
}

export interface ConflictSide {
  readonly seq: number;
  readonly device: { readonly id: DeviceId; readonly name: string };
  readonly value: RegisterValue;
}

export interface Conflict {
  readonly id: ConflictId;
  readonly memoryId: MemoryId;
  readonly register: string;
  readonly winner: ConflictSide;
  readonly loser: ConflictSide;
  readonly resolution?: string;
}

export interface ChainCheck {
  readonly verified: boolean;
  readonly events: number;
  readonly head: number;
  readonly headHash: string;
  readonly brokenAt?: number;
}

export interface Api {
  /** Of the socket, `ws://…/api/v1/sync`. */
  readonly syncUrl: string;
  begin(path: '/auth/register' | '/auth/login', credentials: object): Promise<Login>;
  conflicts(token: string, status: 'open' | 'resolved'): Promise<readonly Conflict[]>;
  resolve(token: string, id: ConflictId, keep: 'winner' | 'loser'): Promise<void>;
  verify(token: string): Promise<ChainCheck>;
  /** All of them, page by page. */
  memories(token: string): Promise<readonly Omit<Memory, 'deleted' | 'erased'>[]>;
}

export function createApi(origin: string): Api {
  const call = (method: string, path: string, options: CallOptions): Promise<unknown> =>
    request(`${origin}/api/v1${path}`, method, options);
  return {
    syncUrl: `${origin.replace('http', 'ws')}/api/v1/sync`,
    begin: async (path, body) => (await call('POST', path, { body })) as Login,
    conflicts: async (token, status) => {
      const page = (await call('GET', `/conflicts?status=${status}`, { token })) as { readonly conflicts: readonly Conflict[] };
      return page.conflicts;
    },
    resolve: async (token, id, keep) => void (await call('POST', `/conflicts/${id}/resolve`, { token, body: { keep } })),
    verify: async (token) => (await call('GET', '/audit/verify', { token })) as ChainCheck,
    memories: (token) => listAll((query) => call('GET', `/memories?limit=200${query}`, { token })),
  };
}

interface CallOptions {
  readonly token?: string;
  readonly body?: object;
}

async function request(url: string, method: string, { token, body }: CallOptions): Promise<unknown> {
  const answer = await fetch(url, {
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${new URL(url).pathname} was answered with ${answer.status}: ${text}`);
  return JSON.parse(text);
}

type ListedMemory = Omit<Memory, 'deleted' | 'erased' | 'createdAt' | 'updatedAt'> & {
  readonly createdAt: string;
  readonly updatedAt: string;
};

interface Page {
  readonly memories: readonly ListedMemory[];
  readonly nextCursor: string | null;
}

async function listAll(read: (query: string) => Promise<unknown>): ReturnType<Api['memories']> {
  const all: Omit<Memory, 'deleted' | 'erased'>[] = [];
  let query: string | null = '';
  while (query !== null) {
    const page = (await read(query)) as Page;
    for (const memory of page.memories) {
      all.push({ ...memory, createdAt: Date.parse(memory.createdAt), updatedAt: Date.parse(memory.updatedAt) });
    }
    query = page.nextCursor === null ? null : `&cursor=${encodeURIComponent(page.nextCursor)}`;
  }
  return all;
}
