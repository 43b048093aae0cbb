/**
 * The open conflicts as this device knows them: the server decides what is one (MRG-3), so the list is fetched, not derived,
 * whenever the log said something that may have changed it. Kept in the store, for when there is no network.
 */
import type { LogEvent } from '../core/event.ts';
import { tagOf, type Write } from '../core/register.ts';
import type { Replica } from '../sync/replica.ts';
import type { ReplicaStep, StepResult } from '../sync/replica-step.ts';
import type { Conflict } from './client-api.ts';

/** Name of the note in the store. */
export const conflictsNote = 'conflicts';

export class ConflictBook {
  #conflicts: readonly Conflict[] = [];
  /** Fetched once on every connection as well: this device may have been killed between a step and its fetch. */
  #isStale = true;

  get isStale(): boolean {
    return this.#isStale;
  }

  replace(conflicts: readonly Conflict[]): void {
    this.#conflicts = conflicts;
  }

  /** What is about to be fetched is newer than every step before this call. */
  beginFetch(): void {
    this.#isStale = false;
  }

  markStale(): void {
    this.#isStale = true;
  }

  noteStep(step: ReplicaStep, { events }: StepResult): void {
    if (step.kind === 'join' || step.kind === 'snapshot' || events.some((event) => this.#concerns(event))) this.#isStale = true;
  }

  /** Without those that an op of this device decides, which is on its way. */
  open({ outbox }: Replica): readonly Conflict[] {
    if (outbox.length === 0) return this.#conflicts;
    return this.#conflicts.filter(
      ({ memoryId, register }) =>
        !outbox.some((op) => op.memoryId === memoryId && op.change.writes.some((write) => write.register === register)),
    );
  }

  #concerns({ conflicts, memoryId }: LogEvent): boolean {
    return conflicts.length > 0 || this.#conflicts.some((conflict) => conflict.memoryId === memoryId);
  }
}

/** MRG-8: resolving is writing one of the two values by somebody who knows both. */
export function resolvingWrite({ register, winner, loser }: Conflict, keep: 'winner' | 'loser'): Write {
  const { value } = keep === 'winner' ? winner : loser;
  const isPresence = register === 'deleted' || tagOf(register) !== null;
  return { register, value: isPresence ? value === true : value };
}
