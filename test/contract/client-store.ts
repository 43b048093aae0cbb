/**
 * The promises of `ClientStore` (src/client/store.ts), run by test/client/*-store.test.ts on each implementation. It needs
 * nothing of Node and no test runner, so that it runs inside a browser as well.
 *
 * CST-1   `load` gives what was committed, to a handle that is opened later too: rows, outbox by counter, rejected by seq.
 * CST-2   A step is whole or not at all: a plan that throws writes nothing, and its reason is passed on.
 * CST-3   Steps of all handles come one after the other: a plan sees what the one before wrote, and no counter is given twice.
 * CST-4   `version` goes up by one with every change, `rowsVersion` follows it when rows are touched; a step without a change
 *         writes nothing.
 * CST-5   A plan gets the outbox when it asks for it, by counter; an op whose counter waits already is refused.
 * CST-6   `outbox` replaces the outbox wholly.
 * CST-7   A place that is full says StorageFull; nothing is written, nothing is lost, and what comes when there is room is kept.
 * CST-8   A replica is created once, by the first `load`; there is nothing to commit to before.
 * CST-9   A note is the last value that was written, or null.
 * CST-10  A closed handle refuses with StorageLost; the data stays, and other handles go on.
 * CST-11  A replica that was destroyed is gone for every handle: those of before refuse with StorageLost, a new one begins anew.
 */
import fc from 'fast-check';
import { type ClientStore, type Committed, StorageFull, StorageLost, type Stored } from '../../src/client/store.ts';
import type { DeviceId, MemoryId } from '../../src/core/ids.ts';
import type { Memory } from '../../src/core/memory.ts';
import {
  newReplicaMeta,
  type OutboxOp,
  type RejectedOp,
  type ReplicaChange,
  type ReplicaContents,
} from '../../src/sync/replica-change.ts';
import { changeArb, hlcArb, memoryArb } from '../support/arbitraries.ts';

export interface StorePlace {
  /** One more handle on the same place. */
  open(): Promise<ClientStore>;
  /**
   * Whether writes find room; missing where that cannot be arranged. In Chromium: `Storage.overrideQuotaForOrigin` with 2 MB
   * before the first page of an origin of its own, and lifted for `false`; it knows for 30 s how much room there was.
   */
  readonly setFull?: (isFull: boolean) => Promise<void>;
  /** Throws the place away, with all its handles. */
  end(): Promise<void>;
}

export interface Check {
  /** @throws unless both are deeply equal. */
  equal(actual: unknown, expected: unknown): void;
}

export interface StorePromise {
  readonly title: string;
  readonly needsFull?: true;
  readonly prove: (newPlace: () => Promise<StorePlace>, check: Check) => Promise<void>;
}

export const clientStoreContract: readonly StorePromise[] = [
  promise('[CST-1] after any steps on two handles, everything is there', async (newPlace, check) => {
    await fc.assert(
      fc.asyncProperty(fc.array(stepArb, { maxLength: 12 }), async (steps) => {
        await using place = disposable(await newPlace());
        const handles = [await opened(place), await opened(place)] as const;
        const model = createModel();
        for (const step of steps) {
          const { change } = await handles[step.handle].commit(step.needs, (stored) => ({
            change: toChange(step, stored),
            result: 0,
          }));
          if (change !== null) model.apply(change);
        }
        check.equal(byId(await handles[0].load(neverCreate)), model.contents());
        check.equal(byId(await (await place.open()).load(neverCreate)), model.contents());
      }),
      { numRuns: 40 },
    );
  }),
  promise('[CST-1] ten thousand rows in one step, and a page of them removed and put again', async (newPlace, check) => {
    await using place = disposable(await newPlace());
    const store = await opened(place);
    const rows = Array.from({ length: 10_000 }, (_, index) => ({ ...exampleRow, id: idOf(index), seq: index + 1 }));
    await commit(store, { rows });
    await commit(store, { removed: rows.slice(0, 500).map((row) => row.id), rows: rows.slice(200, 300) });
    check.equal(byId(await store.load(neverCreate)).rows, [...rows.slice(200, 300), ...rows.slice(500)]);
  }),
  promise('[CST-2] a plan that throws writes nothing, and the next step works', async (newPlace, check) => {
    await using place = disposable(await newPlace());
    const store = await opened(place);
    await commit(store, { rows: [exampleRow], added: [opOf(1)] });
    const before = await store.load(neverCreate);
    const reason = new Error('no');
    const failed = store.commit('outbox', () => {
      throw reason;
    });
    check.equal((await reasonOf(failed)) === reason, true);
    check.equal(await store.load(neverCreate), before);
    await commit(store, { added: [opOf(2)] });
    check.equal(countersOf(await store.load(neverCreate)), [1, 2]);
  }),
  promise('[CST-3] many steps at once on two handles: every counter once, every version once', async (newPlace, check) => {
    await using place = disposable(await newPlace());
    const handles = [await opened(place), await opened(place)];
    const addOne = (store: ClientStore) =>
      store.commit('meta', ({ meta }) => {
        const counter = meta.lastCounter + 1;
        return { change: { meta: { ...meta, lastCounter: counter }, added: [opOf(counter)] }, result: counter };
      });
    const committed = await Promise.all(Array.from({ length: 20 }, () => handles.map(addOne)).flat());
    const expected = Array.from({ length: 40 }, (_, index) => index + 1);
    check.equal(committed.map(({ result }) => result).sort(ascending), expected);
    check.equal(committed.map(({ change }) => change?.meta.version ?? 0).sort(ascending), expected);
    check.equal(countersOf(await (await place.open()).load(neverCreate)), expected);
  }),
  promise('[CST-3] a plan sees what another handle wrote', async (newPlace, check) => {
    await using place = disposable(await newPlace());
    const [one, two] = [await opened(place), await opened(place)];
    await one.commit('meta', ({ meta }) => ({ change: { meta: { ...meta, cursor: 7 }, added: [opOf(3)] }, result: 0 }));
    const seen = await two.commit('outbox', ({ meta, outbox }) => ({ change: null, result: { cursor: meta.cursor, outbox } }));
    check.equal(seen, { change: null, result: { cursor: 7, outbox: [opOf(3)] } });
  }),
  promise('[CST-4] versions tell which steps there were, and which of them touched rows', async (newPlace, check) => {
    await using place = disposable(await newPlace());
    const store = await opened(place);
    const versions = async (change: Partial<ReplicaChange>) => {
      const { change: written } = await commit(store, change);
      return [written?.meta.version, written?.meta.rowsVersion];
    };
    check.equal(await versions({}), [1, 0]);
    check.equal(await versions({ rows: [exampleRow] }), [2, 2]);
    check.equal(await versions({ added: [opOf(1)] }), [3, 2]);
    check.equal(await versions({ removed: [exampleRow.id] }), [4, 4]);
    check.equal(await store.commit('meta', () => ({ change: null, result: 'as is' })), { change: null, result: 'as is' });
    const { meta } = await store.load(neverCreate);
    check.equal([meta.version, meta.rowsVersion], [4, 4]);
  }),
  promise('[CST-5] the outbox is there when it is asked for, by counter', async (newPlace, check) => {
    await using place = disposable(await newPlace());
    const store = await opened(place);
    await commit(store, { outbox: [10, 9, 100, 2].map(opOf) });
    await commit(store, { added: [opOf(101), opOf(1_000)], settled: [9] });
    const read = async (needs: 'meta' | 'outbox') =>
      (await store.commit(needs, ({ outbox }) => ({ change: null, result: outbox?.map((op) => op.counter) }))).result;
    check.equal(await read('outbox'), [2, 10, 100, 101, 1_000]);
    check.equal(await read('meta'), undefined);
    check.equal(countersOf(await store.load(neverCreate)), [2, 10, 100, 101, 1_000]);
  }),
  promise('[CST-5] an op whose counter waits already is refused, with all that came with it', async (newPlace, check) => {
    await using place = disposable(await newPlace());
    const store = await opened(place);
    await commit(store, { added: [opOf(1), opOf(2)] });
    const before = await store.load(neverCreate);
    for (const added of [
      [opOf(3), opOf(2)],
      [opOf(3), opOf(3)],
    ])
      check.equal((await reasonOf(commit(store, { added, rows: [exampleRow] }))) instanceof Error, true);
    check.equal(await store.load(neverCreate), before);
    await commit(store, { settled: [2], added: [opOf(2)] });
    check.equal(countersOf(await store.load(neverCreate)), [1, 2]);
  }),
  promise('[CST-6] outbox replaces the outbox wholly', async (newPlace, check) => {
    await using place = disposable(await newPlace());
    const store = await opened(place);
    await commit(store, { added: [1, 2, 3].map(opOf) });
    const anew = { ...opOf(2), base: 99, origin: { device: deviceOf(1), counter: 1 } };
    await commit(store, { outbox: [anew, opOf(7)] });
    check.equal((await store.load(neverCreate)).outbox, [anew, opOf(7)]);
    await commit(store, { outbox: [] });
    check.equal((await store.load(neverCreate)).outbox, []);
  }),
  {
    needsFull: true,
    ...promise('[CST-7] a full place keeps what it has, takes no part of a step, and goes on later', async (newPlace, check) => {
      await using place = disposable(await newPlace());
      const store = await opened(place);
      await commit(store, { rows: [exampleRow], added: [opOf(1)] });
      await store.writeNote('conflicts', ['a']);
      const before = await store.load(neverCreate);
      await place.setFull?.(true);
      const rows = Array.from({ length: 500 }, (_, index) => ({ ...exampleRow, content: noise(index + 1), id: idOf(index) }));
      const refused = await reasonOf(commit(store, { rows, added: [opOf(2)], settled: [1] }));
      check.equal(toName(refused), 'StorageFull');
      check.equal(toName(await reasonOf(store.writeNote('conflicts', rows))), 'StorageFull');
      check.equal(await store.load(neverCreate), before);
      await place.setFull?.(false);
      check.equal(await store.readNote('conflicts'), ['a']);
      await commit(store, { added: [opOf(2)], settled: [1] });
      check.equal(await (await place.open()).load(neverCreate), await store.load(neverCreate));
      check.equal(countersOf(await store.load(neverCreate)), [2]);
    }),
  },
  promise('[CST-8] of handles that load at once, one creates the replica', async (newPlace, check) => {
    await using place = disposable(await newPlace());
    const handles = await Promise.all([1, 2, 3].map(() => place.open()));
    const early = await reasonOf(handles[0]?.commit('meta', () => ({ change: null, result: 0 })));
    check.equal(early instanceof StorageLost, true);
    const loaded = await Promise.all(handles.map((store, index) => store.load(() => newReplicaMeta(deviceOf(index)))));
    const [first] = loaded;
    check.equal(first?.meta.version, 0);
    check.equal(new Set(loaded.map(({ meta }) => meta.device)).size, 1);
    check.equal(loaded, [first, first, first]);
  }),
  promise('[CST-9] a note is what was written last', async (newPlace, check) => {
    await using place = disposable(await newPlace());
    const [one, two] = [await opened(place), await opened(place)];
    check.equal(await one.readNote('conflicts'), null);
    const list = [{ id: 'a', at: 1 }];
    await one.writeNote('conflicts', list);
    list.push({ id: 'b', at: 2 });
    check.equal(await two.readNote('conflicts'), [{ id: 'a', at: 1 }]);
    await two.writeNote('conflicts', null);
    await two.writeNote('other', { deep: { value: [1, null, 'ü🧠'] } });
    check.equal(await one.readNote('conflicts'), null);
    check.equal(await one.readNote('other'), { deep: { value: [1, null, 'ü🧠'] } });
    check.equal((await one.load(neverCreate)).meta.version, 0);
  }),
  promise('[CST-10] a closed handle refuses, the other goes on, and the data stays', async (newPlace, check) => {
    await using place = disposable(await newPlace());
    const [one, two] = [await opened(place), await opened(place)];
    await commit(one, { added: [opOf(1)] });
    await one.close();
    await one.close();
    await checkLost(one, check);
    await commit(two, { added: [opOf(2)] });
    await two.close();
    check.equal(countersOf(await (await place.open()).load(neverCreate)), [1, 2]);
  }),
  promise('[CST-11] what was destroyed is gone for every handle, and a new one begins anew', async (newPlace, check) => {
    await using place = disposable(await newPlace());
    const [one, two] = [await opened(place), await opened(place)];
    await commit(one, { rows: [exampleRow], added: [opOf(1)], rejected: [rejectedOf(4)] });
    await one.writeNote('conflicts', ['a']);
    await two.destroy();
    await checkLost(one, check);
    await checkLost(two, check);
    const next = await place.open();
    const contents = await next.load(() => newReplicaMeta(deviceOf(9)));
    check.equal(contents, { meta: newReplicaMeta(deviceOf(9)), rows: [], outbox: [], rejected: [] });
    check.equal(await next.readNote('conflicts'), null);
    await checkLost(one, check);
  }),
];

function promise(title: string, prove: StorePromise['prove']): StorePromise {
  return { title, prove };
}

function disposable(place: StorePlace): StorePlace & AsyncDisposable {
  return { ...place, [Symbol.asyncDispose]: () => place.end() };
}

async function opened(place: StorePlace): Promise<ClientStore> {
  const store = await place.open();
  await store.load(() => newReplicaMeta(deviceOf(0)));
  return store;
}

function commit(store: ClientStore, change: Partial<ReplicaChange>): Promise<Committed<null>> {
  return store.commit('meta', ({ meta }) => ({ change: { meta, ...change }, result: null }));
}

async function checkLost(store: ClientStore, check: Check): Promise<void> {
  const attempts = [store.load(neverCreate), commit(store, {}), store.readNote('conflicts'), store.writeNote('conflicts', 1)];
  const reasons = await Promise.all(attempts.map(reasonOf));
  check.equal(
    reasons.map((reason) => reason instanceof StorageLost),
    [true, true, true, true],
  );
}

/** Anything else in full, so that a failure says what came in its place. */
const toName = (reason: unknown): string => (reason instanceof StorageFull ? 'StorageFull' : String(reason));

async function reasonOf(attempt: Promise<unknown> | undefined): Promise<unknown> {
  try {
    return { resolved: await attempt };
  } catch (error) {
    return error;
  }
}

const neverCreate = (): never => {
  throw new Error('there should be a replica');
};

const ascending = (a: number, b: number): number => a - b;
const hexOf = (value: number): string => value.toString(16).padStart(12, '0');
const idOf = (index: number): MemoryId => `0190b5a8-7d3f-7c1e-8e5a-${hexOf(index)}` as MemoryId;
const deviceOf = (index: number): DeviceId => `0190b5a8-7d3f-7c1e-9e5a-${hexOf(index)}` as DeviceId;
const countersOf = ({ outbox }: ReplicaContents): readonly number[] => outbox.map((op) => op.counter);

/** The order of rows is the store's own business. */
function byId(contents: ReplicaContents): ReplicaContents {
  return { ...contents, rows: contents.rows.toSorted((a, b) => (a.id < b.id ? -1 : 1)) };
}

const exampleRow: Memory = {
  id: idOf(0),
  seq: 1,
  content: 'prefers tea, Ünïcödé 🧠',
  type: 'preference',
  scope: 'user_global',
  confidence: 0.5,
  source: { url: 'https://example.org', title: 'A page' },
  tags: ['drinks'],
  deleted: false,
  erased: false,
  createdAt: 1_764_000_000_000,
  updatedAt: 1_764_000_000_001,
};

/** 5 MB in 500 of them: more than a browser's quota leaves once it says that it is full. */
/** Ten thousand characters in which nothing repeats: browsers keep a large value compressed. (Marsaglia's xorshift, 2003.) */
function noise(seed: number): string {
  let state = seed;
  return Array.from({ length: 10_000 }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return String.fromCharCode(0x21 + (Math.abs(state) % 94));
  }).join('');
}

function opOf(counter: number): OutboxOp {
  const change = { writes: [{ register: 'content', value: `value ${counter}` }], createdAt: 5 } as const;
  return { counter, base: 0, hlc: { ms: 1_764_000_000_000, count: counter }, memoryId: idOf(counter % 3), change };
}

function rejectedOf(seq: number): RejectedOp {
  return { seq, code: 'unknown_memory', op: opOf(seq) };
}

/** What a step does, before it is known what is stored: counters and seqs are picked among those that are there. */
interface Step {
  readonly handle: 0 | 1;
  readonly needs: 'meta' | 'outbox';
  readonly isIdle: boolean;
  readonly rows: readonly Memory[] | undefined;
  readonly removed: readonly number[] | undefined;
  readonly added: readonly Pick<OutboxOp, 'hlc' | 'change'>[] | undefined;
  readonly settled: readonly number[] | undefined;
  readonly replaced: readonly number[] | undefined;
  readonly rejected: readonly number[] | undefined;
  readonly dismissed: readonly number[] | undefined;
}

const smallArb = fc.uniqueArray(fc.nat(12), { maxLength: 6 });
const rowArb = fc.record({ memory: memoryArb, index: fc.nat(8) }).map(({ memory, index }) => ({ ...memory, id: idOf(index) }));
const sometimes = <T>(arb: fc.Arbitrary<T>, weight = 2): fc.Arbitrary<T | undefined> =>
  fc.oneof({ arbitrary: fc.constant(undefined), weight: 2 }, { arbitrary: arb, weight });

const stepArb: fc.Arbitrary<Step> = fc
  .record({
    handle: fc.constantFrom(0, 1),
    needs: fc.constantFrom('meta', 'outbox'),
    isIdle: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    rows: sometimes(fc.uniqueArray(rowArb, { selector: (row) => row.id, maxLength: 6 })),
    removed: sometimes(fc.uniqueArray(fc.nat(8), { maxLength: 4 })),
    added: sometimes(fc.array(fc.record({ hlc: hlcArb, change: changeArb }), { maxLength: 4 })),
    settled: sometimes(smallArb),
    replaced: sometimes(smallArb, 1),
    rejected: sometimes(smallArb),
    dismissed: sometimes(smallArb),
  })
  // A database keeps values, not prototypes.
  .map((step): Step => structuredClone(step as Step));

function toChange(step: Step, { meta }: Stored): ReplicaChange | null {
  if (step.isIdle) return null;
  const last = meta.lastCounter;
  const recent = (back: number): number => last - back;
  const added = step.added?.map((op, index) => ({ ...op, counter: last + 1 + index, base: meta.cursor, memoryId: idOf(index) }));
  return {
    meta: { ...meta, lastCounter: last + (step.replaced ? 20 : (added?.length ?? 0)), cursor: meta.cursor + 1 },
    ...(step.rows && { rows: step.rows }),
    ...(step.removed && { removed: step.removed.map(idOf) }),
    ...(step.replaced
      ? { outbox: step.replaced.map((back) => opOf(last + 20 - back)) }
      : { ...(added && { added }), ...(step.settled && { settled: step.settled.map(recent) }) }),
    ...(step.rejected && { rejected: step.rejected.map(rejectedOf) }),
    ...(step.dismissed && { dismissed: step.dismissed }),
  };
}

/** The same by lists: slow, and too plain to be wrong in the same way. */
function createModel(): { apply(change: ReplicaChange): void; contents(): ReplicaContents } {
  let contents: ReplicaContents = { meta: newReplicaMeta(deviceOf(0)), rows: [], outbox: [], rejected: [] };
  return {
    contents: () => contents,
    apply({ meta, rows = [], removed = [], added = [], settled = [], outbox, rejected = [], dismissed = [] }) {
      const keptRows = contents.rows.filter(({ id }) => !removed.includes(id) && !rows.some((row) => row.id === id));
      const keptOps = contents.outbox.filter(({ counter }) => !settled.includes(counter));
      const keptRejected = contents.rejected.filter(
        ({ seq }) => !dismissed.includes(seq) && !rejected.some((r) => r.seq === seq),
      );
      contents = byId({
        meta,
        rows: [...keptRows, ...rows],
        outbox: (outbox ?? [...keptOps, ...added]).toSorted((a, b) => a.counter - b.counter),
        rejected: [...keptRejected, ...rejected].toSorted((a, b) => a.seq - b.seq),
      });
    },
  };
}
