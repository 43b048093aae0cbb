/** What can be asked of the one write path (LOG-7), and what it answers. */

import type { Change } from '../../core/change.ts';
import type { Hlc } from '../../core/clock.ts';
import type { FieldError } from '../../core/errors.ts';
import type { LogEvent } from '../../core/event.ts';
import type { DeviceId, MemoryId, UserId } from '../../core/ids.ts';
import type { MemoryState } from '../../core/merge.ts';
import type { PushedOp } from '../../protocol/frames.ts';
import type { Queryable } from '../infra/database.ts';

/** A replica of the user, by both its names. */
export interface Replica {
  readonly ordinal: number;
  readonly id: DeviceId;
}

/** Ops of a device, with counters `firstCounter`, `firstCounter + 1` … */
export interface PushRequest {
  readonly kind: 'push';
  readonly userId: UserId;
  readonly device: Replica;
  readonly firstCounter: number;
  readonly base: number;
  readonly ops: readonly PushedOp[];
}

/**
 * One write of the server's own replica, for the device `actor`. `decide` sees the memory as it stands under the head's
 * lock and says what to write; it may run more than once.
 */
export interface WriteRequest {
  readonly kind: 'write';
  readonly userId: UserId;
  readonly actor: Replica;
  readonly memoryId: MemoryId;
  readonly decide: (state: MemoryState | null) => Decision;
  /** The op may assume that the memory does not exist yet: saves reading it. A wrong guess costs a second try. */
  readonly expectNew?: boolean;
  /** Further statements of the same transaction, run after the event is written and only if this request wrote one (erasure). */
  readonly alsoWrite?: (tx: Queryable) => Promise<void>;
}

/** Writes that only come together: each is decided and refused by itself, in their order. A file of memories is many of them. */
export interface WritesRequest {
  readonly kind: 'writes';
  readonly userId: UserId;
  readonly actor: Replica;
  readonly writes: readonly Pick<WriteRequest, 'memoryId' | 'decide' | 'expectNew'>[];
}

/** SYN-12: takes away tombstones that nobody can miss any more, at most as many as one event names. */
export interface CollectRequest {
  readonly kind: 'collect';
  readonly userId: UserId;
  /** Those whose last event was accepted before this, Unix ms. */
  readonly deletedBefore: number;
  /** A device that was seen since holds its share back until it has confirmed it, Unix ms. */
  readonly seenAfter: number;
}

export type AppendRequest = PushRequest | WriteRequest | WritesRequest | CollectRequest;

/** What a request costs a group, in ops. */
export function opsOf(request: AppendRequest): number {
  if (request.kind === 'push') return Math.max(1, request.ops.length);
  return request.kind === 'writes' ? request.writes.length : 1;
}

export type Decision =
  /** `hlc`: the op's stamp in place of the server's clock, for what was written elsewhere at that time. */
  | { readonly write: Change; readonly erase?: boolean; readonly hlc?: Hlc }
  /** Nothing to write, for the caller to tell apart. */
  | { readonly refuse: string; readonly detail?: string; readonly field?: FieldError };

export type AppendResult =
  | PushResult
  | WriteResult
  | { readonly kind: 'decided'; readonly results: readonly WriteResult[] }
  | CollectResult
  | { readonly kind: 'counter_gap'; readonly expected: number }
  /** The base is above the head: the device has seen what this log never held. */
  | { readonly kind: 'cursor_ahead'; readonly head: number }
  | { readonly kind: 'unknown_user' };

export interface PushResult {
  readonly kind: 'pushed';
  /** The device's last counter that the log holds. */
  readonly acked: number;
  readonly head: number;
  /** Counters that were in the log before: first and last, null when all were new. */
  readonly replayed: { readonly first: number; readonly last: number } | null;
}

export interface CollectResult {
  readonly kind: 'collected';
  /** Memories that are gone. With none there was no event. */
  readonly count: number;
  /** There is more to collect. */
  readonly more: boolean;
}

export interface WriteResult {
  readonly kind: 'written' | 'refused';
  readonly state: MemoryState | null;
  /** The event, when one was written. */
  readonly event: LogEvent | null;
  readonly refusal?: { readonly code: string; readonly detail?: string; readonly field?: FieldError };
}
