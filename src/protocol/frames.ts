/**
 * The frames (SYN-1) as both sides handle them, whatever their form on the wire. docs/PROTOCOL.md says when each is sent
 * and what its receiver owes.
 */

import type { Change } from '../core/change.ts';
import type { Hlc } from '../core/clock.ts';
import type { LogEvent } from '../core/event.ts';
import type { DeviceId, Epoch, MemoryId } from '../core/ids.ts';
import type { Memory } from '../core/memory.ts';
import type { TellLimits } from './limits.ts';

/** HELLO flags, a bit set. */
export const helloFlags = {
  /** The device takes deflated frames. */
  deflate: 1,
  /** Send a SNAPSHOT even where a delta would be shorter: the device holds rows of before, and sweeps by it. Cursor 0. */
  snapshot: 2,
  /** With `snapshot`: the state hash differed (SYN-6). */
  repair: 4,
} as const;

/** Where a snapshot stopped: it began at seq `at`, and goes on with the ids below `after`. */
export interface SnapshotPlace {
  readonly at: number;
  readonly after: MemoryId;
}

export interface Hello {
  readonly type: 'HELLO';
  readonly protocol: number;
  readonly flags: number;
  readonly device: DeviceId;
  readonly epoch: Epoch | null;
  readonly cursor: number;
  readonly lastCounter: number;
  /** Absent when the token came with the upgrade request. */
  readonly token?: string;
  /** The device's clock, Unix ms. */
  readonly now: number;
  /** Go on with this snapshot where that is possible, else begin another. */
  readonly resume?: SnapshotPlace;
}

/** One op as pushed. Its counter is its place in the frame. */
export interface PushedOp {
  readonly memoryId: MemoryId;
  readonly hlc: Hlc;
  /** Overrides the frame's base. */
  readonly base?: number;
  readonly change: Change;
}

export interface Push {
  readonly type: 'PUSH';
  readonly firstCounter: number;
  readonly base: number;
  readonly ops: readonly PushedOp[];
}

export interface Got {
  readonly type: 'GOT';
  readonly to: number;
}

export interface Auth {
  readonly type: 'AUTH';
  readonly token: string;
}

export interface Ping {
  readonly type: 'PING';
}

export interface Pong {
  readonly type: 'PONG';
  readonly now?: number;
}

export type ClientFrame = Hello | Push | Got | Auth | Ping | Pong;

export interface Welcome {
  readonly type: 'WELCOME';
  readonly protocol: number;
  readonly epoch: Epoch;
  readonly head: number;
  readonly floor: number;
  readonly lastCounter: number;
  readonly now: number;
  /** Unix ms. */
  readonly tokenExpiresAt: number;
  readonly limits: TellLimits;
}

/** What a DELTA says beside its events. */
export interface DeltaHeader {
  readonly from: number;
  readonly head: number;
  /** The device's last counter that is covered, when the frame answers a PUSH or follows WELCOME. */
  readonly acked?: number;
  /** The state hash at `to`, 16 hex digits, when `to` is the head. */
  readonly hash?: string;
}

export interface Delta extends DeltaHeader {
  readonly type: 'DELTA';
  readonly to: number;
  readonly events: readonly LogEvent[];
}

export interface Snapshot {
  readonly type: 'SNAPSHOT';
  /** The head at which the snapshot began. */
  readonly at: number;
  /** The last memory id of this page, null on the last page. */
  readonly next: MemoryId | null;
  readonly memories: readonly Memory[];
}

export type ResetCode = 'cursor_expired' | 'cursor_ahead' | 'epoch_mismatch' | 'device_forked';

export interface Reset {
  readonly type: 'RESET';
  readonly code: ResetCode;
  readonly epoch: Epoch;
  readonly floor: number;
  readonly head: number;
  /** Of `epoch_mismatch`: the newest seq that the device's lineage and the present one share, 0 for an unknown epoch. Else null. */
  readonly shared: number | null;
}

export interface ErrorFrame {
  readonly type: 'ERROR';
  readonly code: string;
  readonly detail: string;
  /** Of `counter_gap`: the counter that the next PUSH must begin with. */
  readonly expected?: number;
}

export type ServerFrame = Welcome | Delta | Snapshot | Reset | ErrorFrame | Ping | Pong;
