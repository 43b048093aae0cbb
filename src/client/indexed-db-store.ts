/**
 * A replica in the browser's database, one database a replica: `meta`, `rows`, `outbox`, `rejected`, `notes`. Every commit is
 * one transaction over all but the notes, so commits of all tabs come one after the other.
 */
import { deleteDB, type StoreNames, unwrap } from 'idb';
import type { ReplicaContents, ReplicaMeta } from '../sync/replica-change.ts';
import { createStep } from './indexed-db-commit.ts';
import {
  completionOf,
  createConnection,
  type MetaRecord,
  type ReplicaDatabase,
  type ReplicaSchema,
  replicaStores,
} from './indexed-db-connection.ts';
import { type ClientStore, StorageLost } from './store.ts';

export interface IndexedDbStoreOptions {
  /** Of the database. Stores of one name are one replica. */
  readonly name: string;
}

/** @throws StorageFull, StorageLost when the browser does not give the database. */
export async function openIndexedDbStore({ name }: IndexedDbStoreOptions): Promise<ClientStore> {
  const connection = createConnection(name);
  await connection.use(async () => {});
  return {
    description: `IndexedDB "${name}"`,
    load: (create) => connection.use(async (db) => (await readContents(db)) ?? (await createReplica(db, create))),
    async commit(needs, plan) {
      const outcome = await connection.use(createStep(needs, plan));
      if (!outcome.ok) throw outcome.error.thrownByPlan;
      return outcome.value;
    },
    readNote: (key) =>
      connection.use(async (db) => {
        const tx = readOnly(db, ['notes']);
        return (await tx.objectStore('notes').get(key)) ?? null;
      }),
    async writeNote(key, value) {
      await connection.use(async (db) => {
        const tx = unwrap(db).transaction('notes', 'readwrite', { durability: 'relaxed' });
        const completion = completionOf(tx);
        tx.objectStore('notes').put(value, key);
        await completion;
      });
    },
    close: () => connection.close(),
    async destroy() {
      await connection.use(clear);
      await connection.close();
      await deleteDatabase(name);
    },
  };
}

/** Rows of one answer of the browser. Of 100,000 rows Chromium reads pages of this size fastest (1.1 s; 1.3 s in one piece). */
const pageRows = 10_000;

async function readContents(db: ReplicaDatabase): Promise<ReplicaContents | null> {
  const tx = readOnly(db, replicaStores);
  const rows = tx.objectStore('rows');
  const [record, outbox, rejected] = await Promise.all([
    tx.objectStore('meta').get('replica'),
    tx.objectStore('outbox').getAll(),
    tx.objectStore('rejected').getAll(),
  ]);
  if (record === undefined) return null;
  const pages = [await rows.getAll(null, pageRows)];
  for (let page = pages[0]; page?.length === pageRows; page = pages.at(-1)) {
    pages.push(await rows.getAll(IDBKeyRange.lowerBound(page.at(-1)?.id, true), pageRows));
  }
  return { meta: record.meta, rows: pages.flat(), outbox, rejected };
}

/** Its requests tell when it fails; idb's `done` would tell it once more, to nobody. */
function readOnly<const Names extends readonly StoreNames<ReplicaSchema>[]>(db: ReplicaDatabase, names: Names) {
  const tx = db.transaction(names);
  tx.done.catch(() => {});
  return tx;
}

/** Another handle may have been faster; whoever comes second takes what is there. */
async function createReplica(db: ReplicaDatabase, create: () => ReplicaMeta): Promise<ReplicaContents> {
  const record: MetaRecord = { meta: create(), tag: 0 };
  const tx = unwrap(db).transaction('meta', 'readwrite', { durability: 'relaxed' });
  const completion = completionOf(tx);
  const meta = tx.objectStore('meta');
  meta.count('replica').onsuccess = ({ target }) => {
    if ((target as IDBRequest<number>).result === 0) meta.put(record, 'replica');
  };
  await completion;
  const contents = await readContents(db);
  if (contents === null) throw new StorageLost('the replica was thrown away');
  return contents;
}

async function clear(db: ReplicaDatabase): Promise<void> {
  const names = [...replicaStores, 'notes'] as const;
  const tx = unwrap(db).transaction(names, 'readwrite', { durability: 'strict' });
  const completion = completionOf(tx);
  for (const name of names) tx.objectStore(name).clear();
  await completion;
}

/** A frozen page keeps its connection, and the database until it wakes: it is empty by now, so nobody has to wait for that. */
function deleteDatabase(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    deleteDB(name, { blocked: () => resolve() }).then(resolve, reject);
  });
}
