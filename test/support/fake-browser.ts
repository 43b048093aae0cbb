/** IndexedDB in Node, with the troubles that browsers have. One for the whole test file: it is global there as in a page. */
import 'fake-indexeddb/auto';
import { forceCloseDatabase, IDBFactory, IDBObjectStore, IDBTransaction, indexedDB } from 'fake-indexeddb';

/** `request`: a put fails. `commit`: the transaction is ended by the browser. Both are seen in browsers. */
export type Fullness = 'request' | 'commit' | null;

export interface FakeBrowser {
  setFull(fullness: Fullness): void;
  /** Closes every connection as a browser does that clears data or has lost its disk. */
  closeConnections(): void;
  /** What the next transaction that writes wrote is kept, and it is told as aborted. */
  loseNextEnd(): void;
  /** The durability of each transaction that was completed since the last call, those that only read left out. */
  takeDurabilities(): readonly string[];
}

interface Transaction {
  readonly mode: string;
  readonly durability: string;
  readonly error: unknown;
  _abort(errorName: string): void;
  _execRequestAsync(request: { source: unknown; operation: () => never }): unknown;
  dispatchEvent(event: { type: string }): unknown;
}

interface ObjectStore {
  readonly transaction: Transaction;
  put(...args: unknown[]): unknown;
  add(...args: unknown[]): unknown;
}

interface Connection {
  readonly version: number;
  close(): void;
  createObjectStore(name: string, options: SourceOptions): ObjectStore;
  transaction(store: string): { objectStore(name: string): { getAll(): unknown } };
  readonly _rawDatabase: {
    readonly transactions: readonly (Transaction & { readonly db: Connection; readonly _state: string })[];
  };
}

interface Request {
  readonly result: Connection;
  addEventListener(type: 'success' | 'error', listener: () => void): void;
}

/** Changes the classes of fake-indexeddb, so once in a test file. */
export function installFakeBrowser(): FakeBrowser {
  let full: Fullness = null;
  let losesEnd = false;
  const connections = new Set<Connection>();
  let durabilities: string[] = [];

  const factory = IDBFactory.prototype as { open(...args: unknown[]): Request };
  const { open } = factory;
  factory.open = function (...args) {
    const request = open.apply(this, args);
    request.addEventListener('success', () => connections.add(request.result));
    return request;
  };

  const objectStore = IDBObjectStore.prototype as ObjectStore;
  for (const method of ['put', 'add'] as const) {
    const write = objectStore[method];
    objectStore[method] = function (this: ObjectStore, ...args) {
      const request = full === 'request' ? failLater(this) : write.apply(this, args);
      if (full === 'commit')
        queueMicrotask(() => this.transaction.error === null && this.transaction._abort('QuotaExceededError'));
      return request;
    };
  }

  const transaction = IDBTransaction.prototype as Transaction;
  const { dispatchEvent } = transaction;
  transaction.dispatchEvent = function (this: Transaction, event) {
    if (event.type === 'complete' && this.mode === 'readwrite') {
      durabilities.push(this.durability);
      if (losesEnd) {
        losesEnd = false;
        event.type = 'abort';
      }
    }
    return dispatchEvent.call(this, event);
  };

  return {
    setFull(fullness) {
      full = fullness;
    },
    closeConnections() {
      for (const connection of connections) {
        for (const running of connection._rawDatabase.transactions)
          if (running.db === connection && running._state !== 'finished') running._abort('AbortError');
        forceCloseDatabase(connection as unknown as Parameters<typeof forceCloseDatabase>[0]);
      }
      connections.clear();
    },
    loseNextEnd() {
      losesEnd = true;
    },
    takeDurabilities() {
      const taken = durabilities;
      durabilities = [];
      return taken;
    },
  };
}

/** As another program would. Nothing is created in it. */
export function openDatabase(name: string, version?: number): Promise<{ close(): void }> {
  return settled(indexedDB.open(name, version) as Request);
}

export async function deleteDatabase(name: string): Promise<void> {
  await settled(indexedDB.deleteDatabase(name) as Request);
}

type Readable<T> = Pick<Request, 'addEventListener'> & { readonly result: T; readonly error?: unknown };

function settled<T>(request: Readable<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error));
  });
}

function failLater(store: ObjectStore): unknown {
  return store.transaction._execRequestAsync({
    source: store,
    operation: () => {
      throw new DOMException('no room', 'QuotaExceededError');
    },
  });
}

export interface SourceOptions {
  readonly keyPath?: string;
  readonly autoIncrement?: boolean;
}

/** A database as another program left it. A record may come with its key, where the store has no key path. */
export async function createSource(
  database: string,
  store: string,
  options: SourceOptions,
  records: readonly { readonly value: unknown; readonly key?: unknown }[],
): Promise<void> {
  const request = indexedDB.open(database, 3) as Request & { onupgradeneeded: unknown };
  request.onupgradeneeded = () => {
    const objectStore = request.result.createObjectStore(store, options);
    for (const { value, key } of records) objectStore.add(value, key);
  };
  (await settled(request)).close();
}

/** The names of what is there. */
export async function databaseNames(): Promise<readonly string[]> {
  const databases = (await indexedDB.databases()) as readonly { readonly name: string }[];
  return databases.map(({ name }) => name);
}

/** Everything in one store, and the version of its database. */
export async function contentOf(
  database: string,
  store: string,
): Promise<{ readonly version: number; readonly values: unknown }> {
  const db = await settled(indexedDB.open(database) as Request);
  const values = await settled<unknown>(db.transaction(store).objectStore(store).getAll() as Readable<unknown>);
  db.close();
  return { version: db.version, values };
}
