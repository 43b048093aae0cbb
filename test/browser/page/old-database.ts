/** The database of the extension before this one, as that wrote it. */

export interface OldRecord {
  readonly id: string;
  readonly userId: string;
  readonly content: string;
  readonly type: string;
  readonly scope: string;
  readonly source: { readonly url: string; readonly platform?: string; readonly timestamp: number; readonly pageTitle?: string };
  /** Unix ms. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly confidence: number;
  readonly tags: readonly string[];
  readonly embedding: readonly number[];
}

export async function seedOldDatabase(records: readonly OldRecord[]): Promise<void> {
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('MemoryLayerDB', 1);
    request.onupgradeneeded = () => request.result.createObjectStore('memories', { keyPath: 'id' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  await new Promise<void>((resolve, reject) => {
    const transaction = db.transaction('memories', 'readwrite');
    const store = transaction.objectStore('memories');
    for (const record of records) store.put(record);
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error);
  });
  db.close();
}
