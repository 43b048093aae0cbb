/**
 * A device's disk: the real volatile store behind delays, so that a tab can be killed before a commit (nothing is kept) and
 * after it (it is, and the tab never learns). Commits of all tabs go one after the other, as IndexedDB orders transactions.
 */
import type { ClientStore } from '../../src/client/store.ts';
import { createVolatilePlace, type VolatileBackup, type VolatilePlace } from '../../src/client/volatile-place.ts';
import { createVolatileStore } from '../../src/client/volatile-store.ts';
import type { ReplicaChange, ReplicaMeta } from '../../src/sync/replica-change.ts';
import type { Dice } from './dice.ts';
import type { DiskState } from './disk-state.ts';
import type { Mutant } from './mutant.ts';
import type { Timeline } from './timeline.ts';

export interface DiskWitness {
  /** @param before the record and outbox that the change was written on. */
  committed(change: ReplicaChange, before: DiskState): void;
  note(text: string): void;
}

export interface SlowDiskDeps {
  readonly timeline: Timeline;
  readonly dice: Dice;
  readonly witness: DiskWitness;
  readonly mutant: Mutant | null;
}

export interface SlowDisk {
  readonly place: VolatilePlace;
  readonly weather: { maxDelayMs: number; isFull: boolean };
  /** @param isAlive whether the tab still runs. */
  open(isAlive: () => boolean): ClientStore;
}

export function createSlowDisk({ timeline, dice, witness, mutant }: SlowDiskDeps, backup?: VolatileBackup): SlowDisk {
  const weather = { maxDelayMs: 0, isFull: false };
  const onWrite = (): 'ok' | 'full' => (weather.isFull && dice.chance(0.9) ? 'full' : 'ok');
  const place = createVolatilePlace(backup === undefined ? { onWrite } : { backup, onWrite });
  let queue: Promise<unknown> = Promise.resolve();

  const pause = (): Promise<void> | undefined => {
    if (weather.maxDelayMs === 0) return undefined;
    return new Promise((resolve) => timeline.after(dice.between(0, weather.maxDelayMs), resolve));
  };

  return {
    place,
    weather,
    open(isAlive) {
      const store = createVolatileStore(place);
      // What a killed tab asked for and did not get is never done, and what was done is never told.
      const inOrder = <T>(work: () => Promise<T>): Promise<T> => {
        const done = queue.then(async () => {
          await pause();
          if (!isAlive()) return null;
          const value = await work();
          await pause();
          return { value };
        });
        queue = done.then(ignore, ignore);
        return new Promise((resolve, reject) => {
          done.then(
            (result) => result !== null && isAlive() && resolve(result.value),
            (error) => isAlive() && reject(error),
          );
        });
      };
      return {
        description: store.description,
        load: (create) => inOrder(() => store.load(create)),
        commit: (needs, plan) =>
          inOrder(async () => {
            const before = place.snapshot().content;
            if (mutant?.disk === undefined && mutant?.change === undefined) {
              const committed = await store.commit(needs, plan);
              if (committed.change !== null) witness.committed(committed.change, before);
              return committed;
            }
            let believed: ReplicaChange | null = null;
            const { change, result } = await store.commit(needs, (stored) => {
              const planned = plan(stored);
              if (planned.change === null) return planned;
              const meant = mutant.change?.(planned.change, before) ?? planned.change;
              believed = meant;
              return { ...planned, change: mutant.disk?.(meant, before) ?? meant };
            });
            if (change !== null) witness.committed(change, before);
            return {
              result,
              change: change === null || believed === null ? change : { ...(believed as ReplicaChange), meta: change.meta },
            };
          }),
        readNote: (name) => inOrder(() => store.readNote(name)),
        writeNote: (name, value) => inOrder(() => store.writeNote(name, value)),
        close: () => inOrder(() => store.close()),
        destroy: () => inOrder(() => store.destroy()),
      };
    },
  };
}

const ignore = (): void => undefined;

/** The record of a replica that has been opened at least once. */
export function metaOf(place: VolatilePlace): ReplicaMeta | null {
  return place.disk.content.meta;
}
