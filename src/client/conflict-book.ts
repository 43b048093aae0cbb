/**
 * The open conflicts as this device knows them: the server decides what is one (MRG-3), so the list is fetched, not derived,
 * whenever the log said something that may have changed it. Kept in the store, for when there is no network.
 */
import type { LogEvent } from '../core/event.ts';
import { tagOf, type Write } from '../core/register.ts';
import type { Replica } from '../sync/replica.ts';
import type { ReplicaStep, StepResult } from '../sync/replica-step.ts';
import type { Conflict } from './client-api.ts';
import type { ClientEnvironment } from './environment.ts';
import type { ServerApi } from './server-api.ts';
import type { ClientStore } from './store.ts';
import { Timers } from './timers.ts';

export interface ConflictBookDeps {
  readonly store: ClientStore;
  readonly api: Pick<ServerApi, 'readConflicts'>;
  readonly environment: ClientEnvironment;
  /** Whether this tab is the one that asks the server, and can. */
  readonly isLive: () => boolean;
  /** The list is another one. @param byFetch other tabs do not know yet. */
  readonly onChanged: (byFetch: boolean) => void;
}

const noteName = 'conflicts';
/** After a fetch that failed, ms. */
const retryMs = 30_000;

export class ConflictBook {
  readonly #deps: ConflictBookDeps;
  readonly #timers: Timers<'retry'>;
  #conflicts: readonly Conflict[] = [];
  /** Fetched once on every connection as well: this device may have been killed between a step and its fetch. */
  #isStale = true;
  #isFetching = false;
  /** After a failure: whatever is told meanwhile, the timer or the next connection brings the next attempt. */
  #isPaused = false;
  #isClosed = false;

  constructor(deps: ConflictBookDeps) {
    this.#deps = deps;
    this.#timers = new Timers(deps.environment);
  }

  /** Without those that an op of this device decides, which is on its way. */
  open({ outbox }: Replica): readonly Conflict[] {
    if (outbox.length === 0) return this.#conflicts;
    return this.#conflicts.filter(
      ({ memoryId, register }) =>
        !outbox.some((op) => op.memoryId === memoryId && op.change.writes.some((write) => write.register === register)),
    );
  }

  /** What is kept on the device: at the start, and after another tab fetched. */
  async read(): Promise<void> {
    // A note that cannot be read is fetched again like one that is not there.
    const kept = await this.#deps.store.readNote(noteName).catch(() => null);
    if (kept === null) return;
    this.#conflicts = kept as readonly Conflict[];
    this.#deps.onChanged(false);
  }

  noteStep(step: ReplicaStep, { events }: StepResult): void {
    if (step.kind === 'join') this.#isPaused = false;
    if (this.#isStale) return;
    // What is being fetched may be older than the event, and hold a conflict of its memory that is not known here yet.
    const mayConcern = this.#isFetching ? events.length > 0 : events.some((event) => this.#concerns(event));
    if (step.kind === 'join' || step.kind === 'snapshot' || mayConcern) this.#isStale = true;
  }

  /** SYN-10: what could not be fetched is fetched again, by a timer of its own. */
  async refresh(): Promise<void> {
    if (this.#isFetching || this.#isPaused) return;
    this.#isFetching = true;
    try {
      while (this.#isStale && !this.#isClosed && this.#deps.isLive()) {
        this.#isStale = false;
        await this.#fetch();
      }
    } catch {
      this.#isStale = true;
      if (!this.#isClosed) this.#pause();
    } finally {
      this.#isFetching = false;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#timers.clear('retry');
  }

  #pause(): void {
    this.#isPaused = true;
    const goOn = (): void => {
      this.#isPaused = false;
      void this.refresh();
    };
    this.#timers.arm('retry', goOn, retryMs);
  }

  async #fetch(): Promise<void> {
    const conflicts = await this.#deps.api.readConflicts();
    await this.#deps.store.writeNote(noteName, conflicts);
    this.#conflicts = conflicts;
    this.#deps.onChanged(true);
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
