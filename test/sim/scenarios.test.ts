/**
 * What went wrong in others, one by one, as a schedule of its own. Each test plays the fault that their engine met, and then
 * the same run once more with a part of ours made wrong in their way (mutant.ts): that has to be found, or the run proves
 * nothing. The line that protects us is named.
 */
import { describe, expect, it } from 'vitest';
import type { MemoryId } from '../../src/core/ids.ts';
import type { ReplicaChange } from '../../src/sync/replica-change.ts';
import type { DiskState } from './disk-state.ts';
import type { OracleName } from './judge.ts';
import type { Mutant } from './mutant.ts';
import type { Nemesis, Schedule, Setup, Step, Work } from './schedule.ts';
import { simulate } from './simulate.ts';
import { memoryIdOf, userIdOf, type World } from './world.ts';

describe('old failures of others', () => {
  /**
   * SuperSync: a client gathered its own writes for a moment before it uploaded them, and what came down meanwhile was taken
   * for the echo of its upload: another device's op was gone, and the clock went on over it.
   * Here a device applies a contiguous piece of the log or nothing: `delta.from > meta.cursor` in sync/plan-delta.ts.
   */
  it('[SYN-4] SuperSync: an op of another device that comes while own ops go up is not swallowed', async () => {
    const steps = [
      create(0, 1_000, 0),
      ...[0, 1, 2, 3].flatMap((n) => [update(0, 5_000 + 3 * n, 0), update(1, 5_001 + 3 * n, 0), update(0, 5_002 + 3 * n, 1)]),
    ];
    const run = await play({ devices: 2 }, steps);
    expect(run.defects).toEqual([]);
    expect(run.written('content')).toHaveLength(13);
    expect(await findsWith(swallowsAfterPush, { devices: 2 }, steps)).toBe('cursor gap');
  });

  /**
   * LiveStore: the leader told the others of a new head by a broadcast; one that was lost left a session waiting for ever,
   * since only the next broadcast would have woken it.
   * Here a hint only saves time: the heads are read again by a timer, fanout/head-poll.ts (`pollLater` of this simulator).
   */
  it('[SYN-10] LiveStore: a device whose notice was lost hears of the write all the same', async () => {
    const steps = [
      create(0, 1_000, 0),
      trouble(10_000, { do: 'database', forMs: 20_000, failure: 0, lostCommit: 1, maxDelayMs: 5 }),
      update(0, 12_000, 0),
    ];
    const told = { devices: 2, calmAtMs: 60_000 };
    const run = await play(told, steps);
    expect(run.defects).toEqual([]);
    // Long before the calm: nothing but the poll told the other device.
    expect(run.cursorAt(1, 20_000)).toBe(2);
    expect(await findsWith(() => ({ isDeafToPolls: true }), told, steps)).toBe('outbox stuck');
  });

  /**
   * Actual: a device whose clock ran more than minutes ahead could not download any more: its clock refused the others' stamps,
   * and nothing said so.
   * Here a stamp is clamped and never refused: `clampHlc` in core/clock.ts, and `observe`, which moves a clock no further.
   */
  it('[MRG-6] Actual: clocks that run years off block nobody, and do not win for ever', async () => {
    const year = 365 * 86_400_000;
    const steps = [create(0, 1_000, 0), update(1, 10_000, 0), update(2, 20_000, 0), update(0, 30_000, 0)];
    const run = await play({ devices: 3, clocks: [0, 5 * year, -5 * year] }, steps);
    expect(run.defects).toEqual([]);
    // The last write is the one that stands, though the second device's clock is years ahead of it.
    expect(run.content(memoryIdOf(0))).toBe('c3');
    expect(run.settledAfterMs).toBeLessThan(60_000);
  });

  /**
   * Evolu: a relay whose store was wiped went on acknowledging: devices that had sent everything before believed that it was
   * kept, and a new device found nothing.
   * Here a lineage has a name: `hello.epoch !== opened.epoch` in sync/answer-hello.ts, and what was lost is offered again.
   */
  it('[SYN-5] Evolu: a server that was wiped is given everything again', async () => {
    const steps = [
      create(0, 1_000, 0),
      create(1, 2_000, 1),
      update(0, 5_000, 1),
      trouble(30_000, { do: 'serverWipe' }),
      create(1, 40_000, 2),
    ];
    const run = await play({ devices: 2 }, steps);
    expect(run.defects).toEqual([]);
    expect(run.written('content')).toEqual(expect.arrayContaining(['c0', 'c2', 'c4']));
    // A device that believes what was acknowledged once.
    expect(await findsWith(offersNothing, { devices: 2 }, steps)).toBe('acked then lost');
  });

  /**
   * PouchDB: the checkpoint of a replication was written before the documents that it stood for; a crash in between left a
   * device that never asked for them again.
   * Here the cursor moves in the transaction that writes the rows: one `ReplicaChange`, committed whole (client/store.ts).
   */
  it('[SYN-4] PouchDB: a device killed at any moment of a commit has the rows that its cursor stands for', async () => {
    const kills = Array.from({ length: 12 }, (_, n) => [
      update(0, 10_000 + 4_000 * n, 0),
      trouble(10_010 + 4_000 * n + 7 * n, { do: 'kill', device: 1, tab: 0 }),
      trouble(12_000 + 4_000 * n, { do: 'start', device: 1, tab: 0 }),
    ]).flat();
    const steps = [create(0, 1_000, 0), ...kills];
    const run = await play({ devices: 2, diskDelayMs: 40 }, steps);
    expect(run.defects).toEqual([]);
    expect(await findsWith(cursorBeforeRows, { devices: 2, diskDelayMs: 40 }, steps)).toBe('cursor gap');
  });
});

const create = (device: number, at: number, memory: number): Timed => ({
  at,
  do: 'create',
  device,
  memory,
  fields: { content: true },
});
const update = (device: number, at: number, memory: number): Timed => ({
  at,
  do: 'update',
  device,
  memory,
  fields: { content: true },
});
const trouble = (at: number, nemesis: Nemesis): Timed => ({ at, ...nemesis });

type Timed = { readonly at: number } & (Work | Nemesis);

interface Told {
  readonly devices: number;
  readonly clocks?: readonly number[];
  readonly diskDelayMs?: number;
  readonly calmAtMs?: number;
}

function scheduleOf({ devices, clocks = [], diskDelayMs = 0, calmAtMs = 90_000 }: Told, steps: readonly Timed[]): Schedule {
  const setup: Setup = {
    devices: Array.from({ length: devices }, (_, n) => ({ user: 0, clockOffsetMs: clocks[n] ?? 0, driftMs: 0, startsAtMs: 0 })),
    nodes: 1,
    memories: 3,
    maxOps: 1_000,
    maxInFlight: 64,
    maxBufferedBytes: 1_048_576,
    snapshotMemories: 500,
    pageEvents: 2_000,
    tokenMs: 900_000,
    tombstoneMs: 90_000,
    deviceExpiryMs: 900_000,
    diskDelayMs,
    calmAtMs,
  };
  return { seed: 1, setup, steps: steps.map((step, n): Step => ({ n, ...step })).sort((a, b) => a.at - b.at) };
}

async function play(told: Told, steps: readonly Timed[], mutant?: Mutant) {
  const cursors = new Map<number, number[]>();
  let world: World | null = null;
  const outcome = await simulate(scheduleOf(told, steps), {
    keepsTrace: false,
    ...(mutant !== undefined && { mutant }),
    prepare(made) {
      world = made;
      const look = (): void => {
        const now = [...made.devices.values()].map(({ disk }) => disk.place.disk.content.meta?.cursor ?? 0);
        cursors.set(made.timeline.now, now);
        made.timeline.after(1_000, look);
      };
      look();
    },
  });
  const image = (world as World | null)?.judge.historyOf(userIdOf(0)).log.image;
  if (image === undefined) throw new Error('nothing was played');
  return {
    ...outcome,
    written: (register: string) =>
      image.truth.flatMap(({ change }) =>
        (change?.writes ?? []).filter((write) => write.register === register).map(({ value }) => value),
      ),
    content: (id: MemoryId) => image.states.get(id)?.cells.get('content')?.value,
    cursorAt: (device: number, ms: number) => cursors.get(ms)?.[device],
  };
}

async function findsWith(make: () => Mutant, told: Told, steps: readonly Timed[]): Promise<OracleName | null> {
  const { defects } = await play(told, steps, make());
  return defects[0]?.oracle ?? null;
}

/** While own ops wait, what comes down is taken for their echo: the cursor goes on, the rows are not looked at. */
function swallowsAfterPush(): Mutant {
  return {
    disk(change, before) {
      return before.outbox.size > 0 && change.settled === undefined ? withoutRows(change, before) : change;
    },
  };
}

function offersNothing(): Mutant {
  return {
    change(change, before) {
      if (before.meta?.resync?.reason !== 'lineage' || change.outbox === undefined) return change;
      return { ...change, outbox: [...before.outbox.values()] };
    },
  };
}

function cursorBeforeRows(): Mutant {
  let commits = 0;
  return {
    disk(change, before) {
      return change.rows !== undefined && ++commits % 5 === 0 ? withoutRows(change, before) : change;
    },
  };
}

/** The cursor goes on as if the rows had been written. */
function withoutRows({ rows, ...bare }: ReplicaChange, before: DiskState): ReplicaChange {
  return rows === undefined
    ? bare
    : { ...bare, meta: { ...bare.meta, stateHash: before.meta?.stateHash ?? bare.meta.stateHash } };
}
