/** A device's disk for Node, tests and the simulator: several volatile stores may share one, as tabs share a database. */
import type { MemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import type { OutboxOp, RejectedOp, ReplicaChange, ReplicaMeta } from '../sync/replica-change.ts';

export interface VolatilePlace {
  /** Everything as it stands: a backup of the device, or what a clone of it begins with. */
  snapshot(): VolatileBackup;
  /** Goes back to a backup. Stores that are open on this place lose it, as programs do whose disk is exchanged. */
  restore(backup: VolatileBackup): void;
  /** For the stores on this place. */
  readonly disk: VolatileDisk;
}

export interface VolatilePlaceOptions {
  readonly backup?: VolatileBackup;
  /** Asked before each write, a note's (null) too: `full` makes it fail with StorageFull, and nothing of it is written. */
  readonly onWrite?: (change: ReplicaChange | null) => 'ok' | 'full';
}

/** A copy that no later write reaches. */
export interface VolatileBackup {
  readonly content: Readonly<VolatileContent>;
}

export interface VolatileContent {
  /** Null until a store creates the replica. */
  meta: ReplicaMeta | null;
  readonly rows: Map<MemoryId, Memory>;
  readonly outbox: Map<number, OutboxOp>;
  readonly rejected: Map<number, RejectedOp>;
  readonly notes: Map<string, unknown>;
}

export interface VolatileDisk {
  /** Another object after `restore` and `destroy`: whoever holds the one of before has lost its place. */
  content: VolatileContent;
  readonly onWrite: (change: ReplicaChange | null) => 'ok' | 'full';
}

export function createVolatilePlace({ backup, onWrite }: VolatilePlaceOptions = {}): VolatilePlace {
  const disk: VolatileDisk = {
    content: backup === undefined ? emptyContent() : copyOf(backup.content),
    onWrite: onWrite ?? (() => 'ok'),
  };
  return {
    disk,
    snapshot: () => ({ content: copyOf(disk.content) }),
    restore(to) {
      disk.content = copyOf(to.content);
    },
  };
}

export function emptyContent(): VolatileContent {
  return { meta: null, rows: new Map(), outbox: new Map(), rejected: new Map(), notes: new Map() };
}

/** Rows, ops and the record are never changed, only replaced, so a copy may share them. */
function copyOf({ meta, rows, outbox, rejected, notes }: Readonly<VolatileContent>): VolatileContent {
  return { meta, rows: new Map(rows), outbox: new Map(outbox), rejected: new Map(rejected), notes: new Map(notes) };
}
