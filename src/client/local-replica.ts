/**
 * The replica of this tab: a mirror in this process of what the store holds. Every step is one transaction of the store, and
 * the mirror takes it over after the commit; what other tabs commit reaches it as a message, or, where one was missed, by
 * reading everything again. So the mirror may lag behind, and never leads.
 */
import type { MemoryId } from '../core/ids.ts';
import { hashRows, stateHashToString } from '../core/state-hash.ts';
import { planStep } from '../sync/plan-step.ts';
import { Replica } from '../sync/replica.ts';
import type { OutboxOp, ReplicaChange, ReplicaMeta } from '../sync/replica-change.ts';
import { needsOutbox, type ReplicaStep, type StepResult } from '../sync/replica-step.ts';
import { type ClientStore, type Committed, StorageLost } from './store.ts';

export interface LocalReplicaDeps {
  readonly store: ClientStore;
  /** Unix ms. */
  readonly now: () => number;
  /** The record of a replica that is new here. */
  readonly create: () => ReplicaMeta;
  /** Tells the other tabs of a change that was committed here. */
  readonly tell: (change: ReplicaChange) => void;
  /** Memories that look different now, by whoever's change; null: all may. */
  readonly onTouched: (ids: readonly MemoryId[] | null) => void;
}

export interface LocalReplica {
  readonly mirror: Replica;
  /** @throws StorageFull, StorageLost; RangeError when the server sent what does not follow on the cursor. */
  perform(step: ReplicaStep): Promise<StepResult>;
  /** A change that another tab committed. Resolves when the mirror holds it. @throws StorageLost */
  receive(change: ReplicaChange): Promise<void>;
  /** Reads everything again where this version, which another tab committed, is not here yet. @throws StorageLost */
  catchUp(version: number): Promise<void>;
  /** Reads everything again: what was missed while somebody else led. */
  reload(): Promise<void>;
}

/** A commit that was planned on a mirror which is behind is planned again after reading; more often means a broken store. */
const maxReloads = 5;

export async function createLocalReplica(deps: LocalReplicaDeps): Promise<LocalReplica> {
  const { store, now, create, tell, onTouched } = deps;
  let mirror = new Replica(await store.load(create));
  let reading: Promise<void> | null = null;
  /** SYN-6 within the device: rows that somebody else changed are not those that the record counts, and are fetched again. */
  let isSound = false;

  const readAgain = async (): Promise<void> => {
    mirror = new Replica(await store.load(create));
    onTouched(null);
  };
  const reload = (): Promise<void> => {
    reading ??= readAgain().finally(() => {
      reading = null;
    });
    return reading;
  };

  /** A commit that follows on the mirror; one that came while everything was being read may be in what was read. */
  const takeOver = async (change: ReplicaChange): Promise<void> => {
    while (reading !== null) await reading;
    if (change.meta.version === mirror.meta.version + 1) mirror.take(change);
    else if (change.meta.version > mirror.meta.version) await reload();
  };

  const commit = (step: ReplicaStep): Promise<Committed<StepResult | null>> => {
    const needs = needsOutbox(step, mirror, mirror.meta) ? 'outbox' : 'meta';
    return store.commit(needs, (stored) => {
      // Rows are planned upon from the mirror: it must hold those of the record. And an outbox that was not read is not empty.
      const isBehind = stored.meta.rowsVersion !== mirror.meta.rowsVersion || stored.meta.device !== mirror.device;
      const lacksOutbox = stored.outbox === null && needsOutbox(step, mirror, stored.meta);
      if ((readsRows(step) && isBehind) || lacksOutbox) return { change: null, result: null };
      const planned = planStep(mirror, stored, step, now());
      // Another tab has come further, by events that changed no row; without a message this is the only sign of it.
      return planned.change === null && stored.meta.cursor !== mirror.cursor ? { change: null, result: null } : planned;
    });
  };

  const commitStep = async (step: ReplicaStep): Promise<StepResult> => {
    for (let attempt = 0; attempt < maxReloads; attempt++) {
      const { change, result } = await commit(step);
      if (result === null) {
        await reload();
        continue;
      }
      if (change === null) return result;
      tell(change);
      await takeOver(change);
      onTouched(result.touched);
      return result;
    }
    throw new StorageLost('the store changes under every step');
  };

  const mend = async (): Promise<void> => {
    if (stateHashToString(hashRows(mirror.rows.values())) !== mirror.stateHash) await commitStep(mending);
    isSound = true;
  };
  const perform = async (step: ReplicaStep): Promise<StepResult> => {
    if (!isSound) await mend();
    return commitStep(step);
  };
  // Where there is no room for it now, the next step tries again.
  await mend().catch(() => undefined);

  return {
    get mirror() {
      return mirror;
    },
    perform,
    async receive(change) {
      const touched = touchedBy(change, mirror.outbox);
      await takeOver(change);
      onTouched(touched);
    },
    async catchUp(version) {
      while (reading !== null) await reading;
      if (version > mirror.meta.version) await reload();
    },
    reload,
  };
}

const mending: ReplicaStep = { kind: 'restart', resync: { reason: 'repair', shared: null } };

function readsRows(step: ReplicaStep): boolean {
  if (step.kind === 'write') return step.mark !== undefined;
  return step.kind === 'delta' || step.kind === 'snapshot' || step.kind === 'restart';
}

/** An op that leaves the outbox changes what its memory shows, also where its event brought no row: it may have been rejected. */
function touchedBy(
  { rows, removed, added, settled, outbox }: ReplicaChange,
  waiting: readonly OutboxOp[],
): readonly MemoryId[] | null {
  if (outbox !== undefined) return null;
  const touched = new Set(removed);
  for (const { id } of rows ?? []) touched.add(id);
  for (const { memoryId } of added ?? []) touched.add(memoryId);
  const gone = new Set(settled);
  for (const { counter, memoryId } of waiting) if (gone.has(counter)) touched.add(memoryId);
  return [...touched];
}
