/** What a collection makes of a log, worked out without a database, as a simulation does. */
import { hash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { genesisHash } from '../../../src/core/hash-chain.ts';
import { type DeviceId, type Epoch, idFromBytes, type MemoryId, nilMemoryId, type UserId } from '../../../src/core/ids.ts';
import type { MemoryState } from '../../../src/core/merge.ts';
import { addRow, emptyStateHash } from '../../../src/core/state-hash.ts';
import { wireLimits } from '../../../src/protocol/limits.ts';
import { unpack } from '../../../src/protocol/message-pack.ts';
import { eventFromPacked } from '../../../src/protocol/wire-events.ts';
import type { AppendRequest } from '../../../src/server/command/append-request.ts';
import { type PlanInput, planUser, type UserPlan } from '../../../src/server/command/user-plan.ts';
import { sha256 } from '../../../src/server/infra/bytes.ts';
import type { Head } from '../../../src/server/log/head.ts';
import type { Tombstone } from '../../../src/server/project/tombstones.ts';
import { creation, op, setting } from '../../support/append.ts';

const idOf = <Id extends MemoryId | DeviceId | UserId | Epoch>(n: number): Id =>
  idFromBytes<Id>(Buffer.from(hash('sha256', `${n}`, 'hex'), 'hex').subarray(0, 16));

const userId = idOf<UserId>(0);
const epoch = idOf<Epoch>(1);
const phone = { ordinal: 1, id: idOf<DeviceId>(2) };
const ids = Array.from({ length: wireLimits.collectIds + 2 }, (_, index) => idOf<MemoryId>(100 + index));
const tombstones: readonly Tombstone[] = ids.map((id, index) => ({ id, seq: index + 1 }));
const collect: AppendRequest = { kind: 'collect', userId, deletedBefore: 0, seenAfter: 0 };

const head: Head = {
  userId,
  epoch,
  origin: epoch,
  seq: 5_000,
  floor: 0,
  hash: genesisHash(sha256, epoch),
  clock: new Map([
    [0, 7],
    [1, 4_993],
  ]),
  stateHash: tombstones.reduce((state, { id, seq }) => addRow(state, id, seq), emptyStateHash),
  live: 0,
  deviceByOrdinal: new Map([[1, phone.id]]),
};

const deletedState = ({ id, seq }: Tombstone): MemoryState => ({
  id,
  seq,
  createdAt: 1,
  updatedAt: 1,
  erased: false,
  cells: new Map([['deleted', { value: true, seq, device: phone.id, hlc: { ms: 1, count: 0 } }]]),
  conflicts: [],
});

const plan = (requests: readonly AppendRequest[], more: Partial<PlanInput> = {}): UserPlan =>
  planUser({
    head,
    states: new Map(tombstones.map((tombstone) => [tombstone.id, deletedState(tombstone)])),
    clockByBase: new Map(),
    dotsSince: () => [],
    requests,
    tombstones,
    at: 9_000,
    ...more,
  });

const eventsOf = ({ events, after }: UserPlan) =>
  events.map((row) =>
    eventFromPacked(unpack(row.wire), row.seq, new Map([[0, idFromBytes(new Uint8Array(16))], ...after.deviceByOrdinal])),
  );

describe('a collection', () => {
  it('[SYN-12] is an event of the server that names what goes and how far back cursors reach from then on', () => {
    const planned = plan([collect], { tombstones: tombstones.slice(0, 3) });
    expect(eventsOf(planned)).toEqual([
      {
        seq: 5_001,
        device: nilMemoryId,
        counter: 8,
        hlc: { ms: 9_000, count: 0 },
        at: 9_000,
        memoryId: nilMemoryId,
        kind: 'collect',
        outcome: 'applied',
        change: null,
        lost: [],
        conflicts: [],
        collected: { floor: 3, ids: ids.slice(0, 3) },
      },
    ]);
    expect([...planned.collected]).toEqual(ids.slice(0, 3));
    expect(planned.results).toEqual([{ kind: 'collected', count: 3, more: false }]);
    const left = tombstones.slice(3).reduce((state, { id, seq }) => addRow(state, id, seq), emptyStateHash);
    expect(planned.after).toMatchObject({ seq: 5_001, floor: 3, live: 0, stateHash: left });
  });

  it('[SYN-12] [SEC-3] takes at most as many as one event names, and says that there is more', () => {
    const planned = plan([collect]);
    expect(planned.results).toEqual([{ kind: 'collected', count: wireLimits.collectIds, more: true }]);
    expect(planned.after.floor).toBe(wireLimits.collectIds);
    const both = plan([collect, collect]);
    expect(both.results[1]).toEqual({ kind: 'collected', count: 2, more: false });
    expect(both.after).toMatchObject({ seq: 5_002, floor: wireLimits.collectIds + 2, stateHash: emptyStateHash });
  });

  it('[SYN-12] of nothing writes nothing, and the floor never falls', () => {
    const none = plan([collect], { tombstones: [] });
    expect([none.events, none.results, none.after.floor]).toEqual([[], [{ kind: 'collected', count: 0, more: false }], 0]);
    expect(plan([collect], { head: { ...head, floor: 4_000 }, tombstones: tombstones.slice(0, 1) }).after.floor).toBe(4_000);
  });

  it('[SYN-12] [MRG-5] leaves an unknown memory: an edit is rejected, a first op makes a new one', () => {
    const [gone, again] = ids;
    if (gone === undefined || again === undefined) throw new Error('no ids');
    const push = (writes: Parameters<typeof op>[1], memoryId: MemoryId, firstCounter: number): AppendRequest => {
      return { kind: 'push', userId, device: phone, firstCounter, base: 5_000, ops: [op(memoryId, writes, 1)] };
    };
    const two = tombstones.slice(0, 2);
    const planned = plan([collect, push(setting('content', 'late'), gone, 4_994), push(creation('new'), again, 4_995)], {
      tombstones: two,
    });
    expect(eventsOf(planned).map(({ kind, outcome, code }) => [kind, outcome, code])).toEqual([
      ['collect', 'applied', undefined],
      ['reject', 'rejected', 'unknown_memory'],
      ['create', 'applied', undefined],
    ]);
    expect([...planned.states.keys()]).toEqual([again]);
    expect(planned.events.map((event) => event.prevSeq)).toEqual([0, 0, 0]);
    expect(planned.after.live).toBe(1);
    // A tombstone that the same group brought back to life is none any more.
    const revived = plan([push(setting('deleted', false), gone, 4_994), collect], { tombstones: two });
    expect([...revived.collected]).toEqual([again]);
  });

  it('[LOG-4] draws its salts where it is told to: the same draw is the same chain', () => {
    const draw = (fill: number) => (size: number) => new Uint8Array(size).fill(fill);
    const hashOf = (fill: number) => Buffer.from(plan([collect], { randomBytes: draw(fill) }).after.hash).toString('hex');
    expect(hashOf(1)).toBe(hashOf(1));
    expect(hashOf(1)).not.toBe(hashOf(2));
  });
});
