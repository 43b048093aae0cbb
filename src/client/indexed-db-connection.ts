/**
 * The one connection of a store to its database. A browser may close it at any time (data cleared, disk trouble, Safari after
 * sleep); it is then opened again, once per step, and what was under way is run again. When a newer program or `destroy` asks
 * for the database it is given up for good.
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { MemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import type { OutboxOp, RejectedOp, ReplicaMeta } from '../sync/replica-change.ts';
import { StorageFull, StorageLost } from './store.ts';

export interface ReplicaSchema extends DBSchema {
  /** One record, `replica`. */
  readonly meta: { readonly key: string; readonly value: MetaRecord };
  readonly rows: { readonly key: MemoryId; readonly value: Memory };
  readonly outbox: { readonly key: number; readonly value: OutboxOp };
  readonly rejected: { readonly key: number; readonly value: RejectedOp };
  readonly notes: { readonly key: string; readonly value: unknown };
}

export interface MetaRecord {
  readonly meta: ReplicaMeta;
  /** Of the commit that wrote it, and of no other. */
  readonly tag: number;
}

/** What a step may touch; a note is no part of the replica. */
export const replicaStores = ['meta', 'rows', 'outbox', 'rejected'] as const;

export type ReplicaDatabase = IDBPDatabase<ReplicaSchema>;

export interface Connection {
  /** Runs `work`, and once more when the connection was lost under it. @throws StorageFull, StorageLost */
  use<T>(work: (db: ReplicaDatabase) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** The layout of the database. A program that knows an older one is refused by the browser. */
const schemaVersion = 1;

/** A browser that does not answer is told as lost storage, not waited for (SYN-10). */
const openTimeoutMs = 30_000;

export function createConnection(name: string): Connection {
  let current: Promise<ReplicaDatabase> | null = null;
  let goneBecause: string | null = null;

  function connect(): Promise<ReplicaDatabase> {
    const mine: Promise<ReplicaDatabase> = open(name, {
      blocking(_version, next) {
        goneBecause ??= next === null ? 'the replica was thrown away' : 'a newer version of this program took it over';
        void forget(mine);
      },
      terminated: () => void forget(mine),
    });
    return mine;
  }
  async function forget(connection: Promise<ReplicaDatabase>): Promise<void> {
    if (current === connection) current = null;
    const db = await connection.catch(() => null);
    db?.close();
  }
  async function attempt<T>(work: (db: ReplicaDatabase) => Promise<T>): Promise<T> {
    if (goneBecause !== null) throw new StorageLost(goneBecause);
    current ??= connect();
    const connection = current;
    let isOpen = false;
    try {
      const db = await connection;
      isOpen = true;
      return await work(db);
    } catch (error) {
      // SYN-10: what did not open now may open for a later step.
      if (!isOpen || isConnectionLoss(error)) void forget(connection);
      throw error;
    }
  }

  return {
    async use(work) {
      try {
        return await attempt(work).catch((error: unknown) => {
          if (!isConnectionLoss(error)) throw error;
          return attempt(work);
        });
      } catch (error) {
        throw toStorageError(error, name);
      }
    },
    async close() {
      goneBecause ??= 'this store was closed';
      if (current !== null) await forget(current);
    },
  };
}

/** Resolves when the transaction is complete, rejects with what made it fail: idb's own `done` tells only that it did. */
export function completionOf(tx: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    let cause: DOMException | null = null;
    tx.addEventListener('error', ({ target }) => {
      cause ??= (target as IDBRequest).error;
    });
    tx.addEventListener('complete', () => resolve());
    tx.addEventListener('abort', () => reject(tx.error ?? cause ?? new DOMException('the browser ended it', 'AbortError')));
  });
}

type Callbacks = Required<Pick<NonNullable<Parameters<typeof openDB<ReplicaSchema>>[2]>, 'blocking' | 'terminated'>>;

async function open(name: string, callbacks: Callbacks): Promise<ReplicaDatabase> {
  if (typeof indexedDB === 'undefined') throw new StorageLost('there is no IndexedDB here');
  const opening = openDB<ReplicaSchema>(name, schemaVersion, {
    ...callbacks,
    upgrade(db) {
      db.createObjectStore('meta');
      db.createObjectStore('rows', { keyPath: 'id' });
      db.createObjectStore('outbox', { keyPath: 'counter' });
      db.createObjectStore('rejected', { keyPath: 'seq' });
      db.createObjectStore('notes');
    },
  });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new StorageLost(`the database did not open within ${openTimeoutMs} ms`));
      opening.then(
        (db) => db.close(),
        () => {
          /* It was given up already. */
        },
      );
    }, openTimeoutMs);
  });
  try {
    return await Promise.race([opening, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** What browsers say of a transaction or a connection that they ended themselves. */
const lossNames = ['InvalidStateError', 'AbortError', 'UnknownError'];

/** What is wrong with the program or its data, and not with the place. */
const bugNames = ['DataCloneError', 'DataError', 'TransactionInactiveError', 'ReadOnlyError'];

function isConnectionLoss(error: unknown): boolean {
  return error instanceof DOMException && lossNames.includes(error.name);
}

function toStorageError(error: unknown, name: string): unknown {
  if (!(error instanceof DOMException) || bugNames.includes(error.name)) return error;
  if (error.name === 'QuotaExceededError') return new StorageFull(`no room is left for IndexedDB "${name}"`);
  if (error.name === 'ConstraintError') return new Error('an op with this counter waits already');
  const reason = error.name === 'VersionError' ? 'it was written by a newer version of this program' : error.message;
  return new StorageLost(`IndexedDB "${name}" cannot be used: ${reason}`, { cause: error });
}
