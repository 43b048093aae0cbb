/** An event: an op that the server accepted. Events are never changed (LOG-3). */

import type { Change } from './change.ts';
import type { Hlc } from './clock.ts';
import type { ConflictId, DeviceId, MemoryId } from './ids.ts';
import type { EventKind, RejectionCode } from './merge.ts';
import type { RegisterName } from './register.ts';

export type Outcome = 'applied' | 'superseded' | 'rejected';

/** A conflict as the event that brought it about names it. */
export interface ConflictRef {
  readonly id: ConflictId;
  readonly register: RegisterName;
  readonly winnerSeq: number;
  readonly loserSeq: number;
}

/** What a `collect` event takes away: tombstones that every live device is known to have seen (SYN-12). */
export interface Collected {
  /** The oldest cursor that a delta serves from here on. */
  readonly floor: number;
  /** Rows that are gone, but for one that a later event wrote. */
  readonly ids: readonly MemoryId[];
}

/** An event as devices receive it. */
export interface LogEvent {
  readonly seq: number;
  readonly device: DeviceId;
  readonly counter: number;
  /** The op's stamp, clamped (MRG-6). */
  readonly hlc: Hlc;
  /** Server time of acceptance, Unix ms. */
  readonly at: number;
  readonly memoryId: MemoryId;
  readonly kind: EventKind;
  readonly outcome: Outcome;
  readonly code?: RejectionCode;
  /** Null when the payload was erased, or left out because the receiver wrote it, and for kind `collect`. */
  readonly change: Change | null;
  /** Registers of the op that lost; applying the event means setting the others. */
  readonly lost: readonly RegisterName[];
  readonly conflicts: readonly ConflictRef[];
  /** Of kind `collect` alone, whose `memoryId` is the nil UUID. */
  readonly collected?: Collected;
}

/** The wire code of a kind is its index: append only. */
export const eventKinds: readonly EventKind[] = ['create', 'update', 'delete', 'restore', 'erase', 'reject', 'collect'];

/** The wire code of an outcome is its index: append only. */
export const outcomes: readonly Outcome[] = ['applied', 'superseded', 'rejected'];

/** The wire code of a rejection is its index: append only. */
export const rejectionCodes: readonly RejectionCode[] = [
  'unknown_memory',
  'erased_memory',
  'invalid_value',
  'too_many_tags',
  'empty_patch',
];
