/** A page that proves the contract of the client's stores on the IndexedDB of its browser. */
import { openIndexedDbStore } from '../../../src/client/indexed-db-store.ts';
import { type Check, clientStoreContract, type StorePlace } from '../../contract/client-store.ts';

const contractApi = {
  /**
   * Proves one promise. `setFullInPage`, where the test exposes it, makes the disk full.
   * @throws when it is broken, with what differs.
   */
  async prove(title: string): Promise<void> {
    const promise = clientStoreContract.find((known) => known.title === title);
    if (promise === undefined) throw new Error(`the contract has no promise “${title}”`);
    await promise.prove(newPlace, check);
  },
};

export type ContractApi = typeof contractApi;

let places = 0;

(globalThis as unknown as { pageApi: ContractApi }).pageApi = contractApi;

async function newPlace(): Promise<StorePlace> {
  const name = `replica ${++places}`;
  const { setFullInPage } = globalThis as unknown as { readonly setFullInPage?: (isFull: boolean) => Promise<void> };
  return {
    open: () => openIndexedDbStore({ name }),
    ...(setFullInPage !== undefined && { setFull: setFullInPage }),
    end: async () => (await openIndexedDbStore({ name })).destroy(),
  };
}

const check: Check = {
  equal(actual, expected) {
    const [a, b] = [JSON.stringify(sorted(actual)), JSON.stringify(sorted(expected))];
    if (a !== b) throw new Error(`expected ${b}\nbut it is ${a}`);
  },
};

/** Members in one order; a byte list as its numbers; `undefined` as a member that is not there. */
function sorted(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : value;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, member]) => [name, sorted(member)]));
}
