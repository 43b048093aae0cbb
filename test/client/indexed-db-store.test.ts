import { indexedDB } from 'fake-indexeddb';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openIndexedDbStore } from '../../src/client/indexed-db-store.ts';
import { type ClientStore, StorageFull, StorageLost } from '../../src/client/store.ts';
import type { DeviceId, MemoryId } from '../../src/core/ids.ts';
import { newReplicaMeta, type OutboxOp, type ReplicaChange } from '../../src/sync/replica-change.ts';
import { type Check, clientStoreContract, type StorePlace } from '../contract/client-store.ts';
import { deleteDatabase, type Fullness, installFakeBrowser, openDatabase } from '../support/fake-browser.ts';

const browser = installFakeBrowser();
let places = 0;

afterEach(() => browser.setFull(null));

describe('the contract, on IndexedDB', () => {
  for (const { title, needsFull, prove } of clientStoreContract) {
    if (needsFull) continue;
    it(title, () => prove(() => newPlace('request'), check));
  }
});

describe.each(['request', 'commit'] as const)('the contract, where a full disk is told by a failed %s', (fullness) => {
  for (const { title, needsFull, prove } of clientStoreContract) {
    if (needsFull) it(title, () => prove(() => newPlace(fullness), check));
  }

  it('[CST-7] a full disk has no room for a new replica either', async () => {
    const store = await openIndexedDbStore({ name: `replica ${++places}` });
    browser.setFull(fullness);
    await expect(store.load(create)).rejects.toThrow(StorageFull);
    browser.setFull(null);
    expect((await store.load(create)).meta.version).toBe(0);
  });
});

describe('what browsers do to a database', () => {
  it('[house] a connection that was closed by the browser is opened again', async () => {
    const { store } = await newStore();
    browser.closeConnections();
    await add(store, 1);
    browser.closeConnections();
    expect((await store.load(create)).outbox).toEqual([opOf(1)]);
    browser.closeConnections();
    await store.writeNote('conflicts', [1]);
    browser.closeConnections();
    expect(await store.readNote('conflicts')).toEqual([1]);
  });

  it.each([
    ['there was no room', 'QuotaExceededError', StorageFull],
    ['it could not be read', 'DataError', DOMException],
  ])('[SYN-10] a database that did not open, since %s, is opened by a later step', async (_, name, failure) => {
    const { store } = await newStore();
    browser.closeConnections();
    const open = vi.spyOn(indexedDB, 'open').mockImplementationOnce(() => {
      throw new DOMException('not now', name);
    });
    await expect(add(store, 1)).rejects.toThrow(failure);
    open.mockRestore();
    await add(store, 1);
    expect((await store.load(create)).outbox).toEqual([opOf(1)]);
  });

  it('[house] a step whose connection is closed in the middle is run again, and has its effect once', async () => {
    const { store } = await newStore();
    let runs = 0;
    const committed = await store.commit('meta', ({ meta }) => {
      if (++runs === 1) browser.closeConnections();
      return { change: { meta: { ...meta, lastCounter: 1 }, rows: [] }, result: runs };
    });
    expect(committed).toMatchObject({ result: 2, change: { meta: { version: 1 } } });
    expect((await store.load(create)).meta).toMatchObject({ version: 1, lastCounter: 1 });
  });

  it('[house] a connection that is closed again and again is lost', async () => {
    const { store } = await newStore();
    const step = store.commit('meta', ({ meta }) => {
      browser.closeConnections();
      return { change: { meta, rows: [] }, result: null };
    });
    await expect(step).rejects.toThrow(StorageLost);
    expect((await store.load(create)).meta.version).toBe(0);
  });

  it('[house] a step that was written before its connection was lost is not written twice', async () => {
    const { store } = await newStore();
    await add(store, 1);
    browser.loseNextEnd();
    const { change } = await add(store, 2);
    expect(change?.meta.version).toBe(2);
    expect((await store.load(create)).outbox).toEqual([opOf(1), opOf(2)]);
    await add(store, 3);
    expect((await store.load(create)).meta).toMatchObject({ version: 3, lastCounter: 3 });
  });

  it('[house] where it cannot be known whether a step was written, that is what it says', async () => {
    const { store, name } = await newStore();
    const other = await openIndexedDbStore({ name });
    const touch = (handle: ClientStore) => commit(handle, { rows: [] });
    browser.loseNextEnd();
    const steps = [touch(store), touch(other)];
    await expect(steps[0]).rejects.toThrow(/not known whether it was written/);
    await steps[1];
    expect((await store.load(create)).meta.version).toBe(2);
  });

  it('[house] data that was cleared is a replica that is lost, not an empty one to write to', async () => {
    const { store, name } = await newStore();
    await add(store, 1);
    browser.closeConnections();
    await deleteDatabase(name);
    await expect(add(store, 2)).rejects.toThrow(StorageLost);
    expect(await store.load(create)).toMatchObject({ meta: { version: 0 }, outbox: [] });
  });

  it('[house] a newer program takes the database over, and an older one says so', async () => {
    const { store, name } = await newStore();
    const newer = await openDatabase(name, 2);
    await expect(add(store, 1)).rejects.toThrow('a newer version of this program took it over');
    await expect(openIndexedDbStore({ name })).rejects.toThrow(StorageLost);
    await expect(openIndexedDbStore({ name })).rejects.toThrow('it was written by a newer version of this program');
    newer.close();
  });

  it('[house] a database of something else is refused', async () => {
    const name = `replica ${++places}`;
    (await openDatabase(name)).close();
    const store = await openIndexedDbStore({ name });
    await expect(store.load(create)).rejects.toThrow(StorageLost);
  });

  it('[house] where there is no IndexedDB the storage is lost', async () => {
    vi.stubGlobal('indexedDB', undefined);
    await expect(openIndexedDbStore({ name: 'nowhere' })).rejects.toThrow(StorageLost);
    vi.unstubAllGlobals();
  });
});

describe('durability', () => {
  it('[house] an op is on the disk before its author is told; what can be fetched again is not waited for', async () => {
    const { store } = await newStore();
    browser.takeDurabilities();
    await add(store, 1);
    expect(browser.takeDurabilities()).toEqual(['strict']);
    await commit(store, { outbox: [opOf(2)] });
    expect(browser.takeDurabilities()).toEqual(['strict']);
    await commit(store, { settled: [2], rows: [], rejected: [] });
    await store.writeNote('conflicts', []);
    expect(browser.takeDurabilities()).toEqual(['relaxed', 'relaxed']);
  });
});

const check: Check = { equal: (actual, expected) => expect(actual).toStrictEqual(expected) };

async function newPlace(fullness: Fullness): Promise<StorePlace> {
  const name = `replica ${++places}`;
  const handles: ClientStore[] = [];
  return {
    open: async () => {
      const store = await openIndexedDbStore({ name });
      handles.push(store);
      return store;
    },
    setFull: async (isFull) => browser.setFull(isFull ? fullness : null),
    end: async () => {
      await Promise.all(handles.map((store) => store.close()));
      await deleteDatabase(name);
    },
  };
}

async function newStore(): Promise<{ readonly store: ClientStore; readonly name: string }> {
  const name = `replica ${++places}`;
  const store = await openIndexedDbStore({ name });
  await store.load(create);
  return { store, name };
}

const create = () => newReplicaMeta('0190b5a8-7d3f-7c1e-9e5a-000000000000' as DeviceId);

function commit(store: ClientStore, change: Partial<ReplicaChange>) {
  return store.commit('meta', ({ meta }) => ({ change: { meta, ...change }, result: null }));
}

function add(store: ClientStore, counter: number) {
  return store.commit('meta', ({ meta }) => ({
    change: { meta: { ...meta, lastCounter: counter }, added: [opOf(counter)] },
    result: null,
  }));
}

function opOf(counter: number): OutboxOp {
  const memoryId = '0190b5a8-7d3f-7c1e-8e5a-000000000000' as MemoryId;
  return { counter, base: 0, hlc: { ms: 1, count: 0 }, memoryId, change: { writes: [] } };
}
