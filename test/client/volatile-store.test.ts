import { describe, expect, it } from 'vitest';
import { StorageLost } from '../../src/client/store.ts';
import { createVolatilePlace } from '../../src/client/volatile-place.ts';
import { createVolatileStore } from '../../src/client/volatile-store.ts';
import type { DeviceId } from '../../src/core/ids.ts';
import { newReplicaMeta } from '../../src/sync/replica-change.ts';
import { clientStoreContract, type StorePlace } from '../contract/client-store.ts';

describe('the contract, on a volatile place', () => {
  for (const { title, prove } of clientStoreContract) {
    it(title, () => prove(newPlace, { equal: (actual, expected) => expect(actual).toStrictEqual(expected) }));
  }
});

describe('a volatile place', () => {
  it('[house] a backup is what there was, whatever is written later, and a clone goes its own way', async () => {
    const place = createVolatilePlace();
    const store = createVolatileStore(place);
    await store.load(create);
    await setCursor(store, 1);
    const backup = place.snapshot();
    await setCursor(store, 2);
    const clone = createVolatileStore(createVolatilePlace({ backup }));
    await setCursor(clone, 30);
    expect((await createVolatileStore(createVolatilePlace({ backup })).load(create)).meta.cursor).toBe(1);
    expect((await clone.load(create)).meta.cursor).toBe(30);
    expect((await store.load(create)).meta.cursor).toBe(2);
  });

  it('[house] going back to a backup takes the place away from those who have it open', async () => {
    const place = createVolatilePlace();
    const store = createVolatileStore(place);
    await store.load(create);
    const backup = place.snapshot();
    await setCursor(store, 2);
    place.restore(backup);
    await expect(setCursor(store, 3)).rejects.toThrow(StorageLost);
    expect((await createVolatileStore(place).load(create)).meta.cursor).toBe(0);
  });
});

async function newPlace(): Promise<StorePlace> {
  let isFull = false;
  const place = createVolatilePlace({ onWrite: () => (isFull ? 'full' : 'ok') });
  return {
    open: async () => createVolatileStore(place),
    setFull: async (value) => {
      isFull = value;
    },
    end: async () => {},
  };
}

const create = () => newReplicaMeta('0190b5a8-7d3f-7c1e-9e5a-000000000000' as DeviceId);

function setCursor(store: ReturnType<typeof createVolatileStore>, cursor: number) {
  return store.commit('meta', ({ meta }) => ({ change: { meta: { ...meta, cursor } }, result: null }));
}
