/** Another program's object store, read in pages by primary key, whatever its keys are. Nothing is ever written to it. */
import { type IDBPDatabase, openDB } from 'idb';

export interface AdoptionSource {
  /** The next records in the order of their keys. @param after a key as text; null: from the first. */
  read(after: string | null, limit: number): Promise<readonly SourceRecord[]>;
  close(): void;
}

export interface SourceRecord {
  /** As `after` takes it. */
  readonly key: string;
  /** The key for people. */
  readonly label: string;
  readonly value: unknown;
}

/** Null where there is no such database or no such store; neither is created. */
export async function openAdoptionSource(database: string, store: string): Promise<AdoptionSource | null> {
  const db = await openExisting(database);
  if (db === null) return null;
  if (!db.objectStoreNames.contains(store)) {
    db.close();
    return null;
  }
  return {
    async read(after, limit) {
      const range = after === null ? null : IDBKeyRange.lowerBound(textToKey(after), true);
      const tx = db.transaction(store);
      tx.done.catch(() => {
        /* Its requests tell. */
      });
      const [keys, values] = await Promise.all([
        tx.objectStore(store).getAllKeys(range, limit),
        tx.objectStore(store).getAll(range, limit),
      ]);
      return keys.map((key, index) => {
        const text = keyToText(key);
        return { key: text, label: typeof key === 'string' ? key : text, value: values[index] as unknown };
      });
    },
    close: () => db.close(),
  };
}

/** To open without a version is to create what is missing, so that is taken back while it happens. */
async function openExisting(database: string): Promise<IDBPDatabase | null> {
  if (typeof indexedDB === 'undefined') return null;
  let isMissing = false;
  try {
    return await openDB(database, undefined, {
      upgrade(_db, _from, _to, tx) {
        isMissing = true;
        tx.done.catch(() => {
          /* The abort is the purpose. */
        });
        tx.abort();
      },
      // Its own program may go on to a new version at any time; the adoption is then interrupted.
      blocking: (_from, _to, { target }) => (target as IDBDatabase).close(),
    });
  } catch (error) {
    if (isMissing) return null;
    throw error;
  }
}

/** What JSON cannot tell of a key, in an object that says so. */
type TextualKey =
  | string
  | number
  | { readonly number: string }
  | { readonly date: number }
  | { readonly bytes: readonly number[] }
  | readonly TextualKey[];

/** A primary key as text, from which it can be made again. */
function keyToText(key: IDBValidKey): string {
  return JSON.stringify(toTextual(key));
}

function textToKey(text: string): IDBValidKey {
  return fromTextual(JSON.parse(text) as TextualKey);
}

function toTextual(key: IDBValidKey): TextualKey {
  if (typeof key === 'string') return key;
  if (typeof key === 'number') return Number.isFinite(key) ? key : { number: String(key) };
  if (key instanceof Date) return { date: key.getTime() };
  if (Array.isArray(key)) return key.map(toTextual);
  const bytes = ArrayBuffer.isView(key) ? new Uint8Array(key.buffer, key.byteOffset, key.byteLength) : new Uint8Array(key);
  return { bytes: [...bytes] };
}

function fromTextual(key: TextualKey): IDBValidKey {
  if (typeof key !== 'object') return key;
  if (isList(key)) return key.map(fromTextual);
  if ('number' in key) return Number(key.number);
  return 'date' in key ? new Date(key.date) : Uint8Array.from(key.bytes);
}

const isList = (key: TextualKey): key is readonly TextualKey[] => Array.isArray(key);
