/**
 * What runs in the page of a test: a client, and what a test in Node wants of it, by name (test/support/browser-page.ts). Only
 * plain data goes in and out.
 */
import {
  type AdoptionProgress,
  type AdoptOptions,
  type Client,
  type Conflict,
  type ConnectionTiming,
  createClient,
  type ListOptions,
  type MemoryFields,
  type MemoryId,
  type NewMemory,
  type SearchAnswer,
  type Status,
} from '../../../src/client/index.ts';
import { openIndexedDbStore } from '../../../src/client/indexed-db-store.ts';
import { type OldRecord, seedOldDatabase } from './old-database.ts';

export interface OpenOptions {
  readonly url: string;
  readonly token: string;
  readonly name?: string;
  readonly timing?: Partial<ConnectionTiming>;
}

/** What is waited for: all that is named has to hold at the same moment. */
export interface Wanted {
  readonly status?: Partial<Pick<Status, 'state' | 'online' | 'outbox' | 'isLeader' | 'transport'>>;
  /** Of the memories that are not deleted, in any order. */
  readonly contents?: readonly string[];
  readonly count?: number;
  readonly conflicts?: number;
}

/** What a replica holds, as its store on the disk says. */
export interface Stored {
  readonly cursor: number;
  readonly stateHash: { readonly high: number; readonly low: number };
  readonly outbox: number;
  readonly rows: number;
}

/** A call of the client as the author of a burst sees it: resolved means kept on this device. */
type Kept = (content: string) => void;

const pageApi = {
  async open({ url, token, name, timing }: OpenOptions): Promise<string> {
    await client?.close();
    client = await createClient({
      url,
      getToken: async () => token,
      ...(name !== undefined && { name }),
      ...(timing !== undefined && { timing }),
    });
    return client.device;
  },
  create: async (memories: readonly NewMemory[]): Promise<MemoryId[]> => {
    const made: MemoryId[] = [];
    for (const memory of memories) made.push((await opened().create(memory)).id);
    return made;
  },
  /** Writes one after the other as fast as it can; each that is kept is told to `keptInPage`, which the test exposes. */
  async createBurst({ from, to }: { readonly from: number; readonly to: number }): Promise<void> {
    const { keptInPage } = globalThis as unknown as { readonly keptInPage: Kept };
    for (let i = from; i < to; i++) {
      await opened().create({ content: `op ${i}`, type: 'fact', scope: 'user_global' });
      keptInPage(`op ${i}`);
    }
  },
  async update(id: MemoryId, fields: Partial<MemoryFields>): Promise<void> {
    await opened().update(id, fields);
  },
  delete: (id: MemoryId): Promise<void> => opened().delete(id),
  list: (options: ListOptions = {}) => opened().list(options),
  contents: (options: ListOptions = {}): string[] =>
    opened()
      .list(options)
      .map(({ content }) => content),
  count: (): number => opened().count(),
  search: (query: string): Promise<SearchAnswer> => opened().search(query, { where: 'device' }),
  conflicts: (): readonly Conflict[] => opened().conflicts(),
  resolve: (id: Conflict['id'], keep: 'winner' | 'loser'): Promise<void> => opened().resolve(id, keep),
  status: (): Status => opened().status,
  settled: (): Promise<void> => opened().settled(),
  syncNow: (): void => opened().syncNow(),
  close: async (): Promise<void> => {
    await client?.close();
    client = null;
  },
  /** Resolves when it is so, looked at whenever the client says that something changed. The test has the time limit. */
  until(wanted: Wanted): Promise<void> {
    const watched = opened();
    if (isSo(watched, wanted)) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = watched.subscribe(() => {
        if (!isSo(watched, wanted)) return;
        stop();
        resolve();
      });
    });
  },
  async stored(name = 'aibrain'): Promise<Stored> {
    const store = await openIndexedDbStore({ name });
    const { meta, rows, outbox } = await store.load(() => {
      throw new Error(`there is no replica ${name}`);
    });
    await store.close();
    return { cursor: meta.cursor, stateHash: meta.stateHash, outbox: outbox.length, rows: rows.length };
  },
  seedOldDatabase: (records: readonly OldRecord[]): Promise<void> => seedOldDatabase(records),
  adopt: (options: AdoptOptions = {}): Promise<AdoptionProgress> => opened().adopt(options),
  /** Begins, and says so when some are in; the test reloads the page then. */
  beginToAdopt: (): Promise<number> =>
    new Promise((resolve, reject) => {
      const onProgress = ({ adopted }: AdoptionProgress): void => {
        if (adopted > 0) resolve(adopted);
      };
      opened().adopt({ onProgress }).catch(reject);
    }),
  violations: (): readonly string[] => violations,
  /** What the policy of the page forbids; to see that a violation would be seen. */
  makeCode(): string {
    try {
      // The name of the constructor is nothing in this bundle.
      const make = (() => undefined).constructor as FunctionConstructor;
      return String(make('return 1')());
    } catch (error) {
      return (error as Error).name;
    }
  },
};

export type PageApi = typeof pageApi;

let client: Client | null = null;
const violations: string[] = [];

document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
  violations.push(`${violatedDirective} ${blockedURI}`),
);
(globalThis as unknown as { pageApi: PageApi }).pageApi = pageApi;

function opened(): Client {
  if (client === null) throw new Error('the page opened no client');
  return client;
}

const contentsOf = (watched: Client): string[] => watched.list().map(({ content }) => content);

function isSo(watched: Client, { status = {}, contents, count, conflicts }: Wanted): boolean {
  const now = watched.status;
  return (
    Object.entries(status).every(([name, value]) => now[name as keyof Status] === value) &&
    (count === undefined || watched.count() === count) &&
    (conflicts === undefined || watched.conflicts().length === conflicts) &&
    (contents === undefined || isSameSet(contentsOf(watched), contents))
  );
}

const isSameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && [...a].sort().join('\0') === [...b].sort().join('\0');
