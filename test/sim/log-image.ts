/** What the simulated database holds of one user, at one moment. */
import type { Hlc } from '../../src/core/clock.ts';
import type { LogEvent } from '../../src/core/event.ts';
import type { ConflictId, DeviceId, Epoch, MemoryId, SessionId } from '../../src/core/ids.ts';
import type { MemoryState } from '../../src/core/merge.ts';
import type { Replica } from '../../src/server/command/append-request.ts';
import type { ConflictChange } from '../../src/server/command/user-plan.ts';
import type { PlacedDot } from '../../src/server/log/clock-at.ts';
import type { Head } from '../../src/server/log/head.ts';
import type { EventRow } from '../../src/server/log/rows.ts';

/** A row of `events`: salt and payload go when the memory is erased. */
export interface StoredEvent extends Omit<EventRow, 'salt'> {
  readonly salt: Uint8Array | null;
  readonly payloadHash: Uint8Array | null;
}

/** An event as it was when it was written, with what its writer had seen. Erasing does not reach it: it is the judge's copy. */
export interface TrueEvent extends LogEvent {
  readonly base: number;
  /** The device's own stamp, where it was clamped. */
  readonly rawHlc: Hlc | null;
}

export interface StoredDevice extends Replica {
  readonly sessionId: SessionId;
  readonly isRevoked: boolean;
  /** How far it has confirmed the log, as it was last written down. */
  readonly cursor: number;
  /** Server time, Unix ms. */
  readonly lastSeenAt: number;
}

/** Everything at one moment. Its maps and lists are never changed. */
export interface LogImage {
  readonly head: Head;
  readonly states: ReadonlyMap<MemoryId, MemoryState>;
  readonly events: readonly StoredEvent[];
  readonly truth: readonly TrueEvent[];
  readonly dots: readonly PlacedDot[];
  readonly conflicts: ReadonlyMap<ConflictId, ConflictChange>;
  readonly devices: ReadonlyMap<DeviceId, StoredDevice>;
  /** Ended epochs: the newest seq that each shares with the present one. */
  readonly epochs: ReadonlyMap<Epoch, number>;
  /** State hash by seq: what a device at that cursor has to show. */
  readonly hashes: readonly string[];
}
