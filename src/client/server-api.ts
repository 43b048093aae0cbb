/** What the client asks of the REST API beside syncing. */
import type { LogEvent } from '../core/event.ts';
import type { DeviceId, MemoryId } from '../core/ids.ts';
import type { MemoryScope, MemoryType, Source } from '../core/memory.ts';
import { eventFromJson } from '../protocol/json-codec.ts';
import type { JsonEvent } from '../protocol/json-frames.ts';
import type { OutboxOp } from '../sync/replica-change.ts';
import type { ClientMemory, Conflict, MemoryFilter } from './client-api.ts';
import type { TokenReason } from './connection.ts';
import type { ClientEnvironment } from './environment.ts';

export interface ServerApiOptions {
  readonly url: string;
  readonly getToken: (reason: TokenReason) => Promise<string | null>;
}

export interface Found {
  readonly id: MemoryId;
  /** As the server holds it. */
  readonly memory: ClientMemory;
  readonly score: number;
}

export interface ServerApi {
  /** Null when the server could not be asked, or knows no search: this device searches then. */
  search(query: string, options: MemoryFilter & { readonly limit: number }): Promise<readonly Found[] | null>;
  /** All open conflicts. @throws Error */
  readConflicts(): Promise<readonly Conflict[]>;
  /** What was written to the memories of these ops since they were, with the devices' own stamps (SYN-13). @throws Error */
  findOps(ops: readonly OutboxOp[]): Promise<readonly LogEvent[]>;
}

type Deps = Pick<ClientEnvironment, 'fetch' | 'setTimer' | 'clearTimer'>;

/** A search that takes longer is answered by this device, ms. */
const searchMs = 5_000;
const requestMs = 15_000;

export function createServerApi(deps: Deps, { url, getToken }: ServerApiOptions): ServerApi {
  const ask = async (method: string, path: string, signal: AbortSignal, body?: unknown): Promise<unknown> => {
    const token = await getToken('start');
    if (token === null) throw new Error('nobody is logged in');
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    const init = { method, headers, signal, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const response = await deps.fetch(`${url.replace(/\/+$/, '')}/api/v1${path}`, init);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status}`);
    return await response.json();
  };
  /** SYN-10: for the token, which is the app's to give, as for the answer. */
  const call = async (method: string, path: string, patienceMs: number, body?: unknown): Promise<unknown> => {
    const abort = new AbortController();
    let timer: unknown;
    const tooLate = new Promise<never>((_, reject) => {
      timer = deps.setTimer(() => {
        const error = new Error('the server did not answer in time');
        abort.abort(error);
        reject(error);
      }, patienceMs);
    });
    try {
      return await Promise.race([ask(method, path, abort.signal, body), tooLate]);
    } finally {
      deps.clearTimer(timer);
    }
  };
  return {
    async search(query, { limit, ...filter }) {
      try {
        const answer = (await call('POST', '/memories/search', searchMs, {
          query,
          limit,
          filter: toJsonFilter(filter),
        })) as JsonFound;
        return answer.results.map(({ memory, score }) => ({ id: memory.id, memory: toMemory(memory), score }));
      } catch {
        // The device answers in its place, and says so.
        return null;
      }
    },
    async readConflicts() {
      const conflicts: Conflict[] = [];
      let cursor: string | null = null;
      do {
        const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const page = (await call('GET', `/conflicts?status=open&limit=200${query}`, requestMs)) as JsonConflicts;
        conflicts.push(...page.conflicts);
        cursor = page.nextCursor;
      } while (cursor !== null);
      return conflicts;
    },
    async findOps(ops) {
      const events: LogEvent[] = [];
      // An event comes after everything that its writer had seen.
      const fromSeq = Math.min(...ops.map(({ base }) => base)) + 1;
      const ids = new Set(ops.map(({ memoryId }) => memoryId));
      let cursor: string | null = null;
      do {
        const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const page = (await call('GET', `/audit?fromSeq=${fromSeq}&order=asc&limit=500${query}`, requestMs)) as JsonAudit;
        for (const event of page.events) if (ids.has(event.memoryId as MemoryId)) events.push(toEvent(event));
        cursor = page.nextCursor;
      } while (cursor !== null);
      return events;
    },
  };
}

interface JsonConflicts {
  readonly conflicts: readonly Conflict[];
  readonly nextCursor: string | null;
}

interface JsonAudit {
  readonly events: readonly JsonAuditEvent[];
  readonly nextCursor: string | null;
}

interface JsonAuditEvent extends Omit<JsonEvent, 'device'> {
  /** The replica that wrote the op; beside it stands the device that somebody used. */
  readonly replica: { readonly id: DeviceId };
  /** The device's own stamp, where it was clamped (MRG-6). */
  readonly rawHlc?: string;
}

const toEvent = ({ replica, rawHlc, ...event }: JsonAuditEvent): LogEvent =>
  eventFromJson({ ...event, device: replica.id, hlc: rawHlc ?? event.hlc });

interface JsonMemory {
  readonly id: MemoryId;
  readonly seq: number;
  readonly content: string;
  readonly type: MemoryType;
  readonly scope: MemoryScope;
  readonly confidence: number | null;
  readonly tags: readonly string[];
  readonly source: Source | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

interface JsonFound {
  readonly results: readonly { readonly memory: JsonMemory; readonly score: number }[];
}

function toJsonFilter({ from, to, deleted: _, ...filter }: MemoryFilter): Record<string, unknown> {
  return {
    ...filter,
    ...(from !== undefined && { from: new Date(from).toISOString() }),
    ...(to !== undefined && { to: new Date(to).toISOString() }),
  };
}

function toMemory({ createdAt, updatedAt, id, seq, content, type, scope, confidence, tags, source }: JsonMemory): ClientMemory {
  const times = { createdAt: Date.parse(createdAt), updatedAt: Date.parse(updatedAt) };
  return { id, seq, content, type, scope, confidence, tags, source, deleted: false, erased: false, isPending: false, ...times };
}
