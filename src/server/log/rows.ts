/** Events as rows of `events`. */

import type { MemoryId } from '../../core/ids.ts';
import type { EventKind } from '../../core/merge.ts';

export interface EventRow {
  readonly seq: number;
  /** Ordinal of the replica that wrote. */
  readonly device: number;
  readonly counter: number;
  readonly memoryId: MemoryId;
  readonly at: number;
  readonly kind: EventKind;
  /** The memory's event before this one, 0 for its first and for rejected ops. */
  readonly prevSeq: number;
  /** As a DELTA carries it. */
  readonly wire: Uint8Array;
  readonly meta: Uint8Array;
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}
