/** What a client knows of its own state, in words that a badge can show. It never says `live` of a socket that may be dead. */
import type { LifeCycleState } from './life-cycle.ts';

export interface Status {
  readonly state: LifeCycleState;
  /** Connected, and told so by the server within the last ping interval. */
  readonly online: boolean;
  /** Events that the server has and this device has not; null when nobody knows. */
  readonly behind: number | null;
  /** Ops that the server has not confirmed. */
  readonly outbox: number;
  /** Unix ms when device and server were last known to hold the same; null: never on this replica. */
  readonly lastSyncAt: number | null;
  /** How frames travel, when connected. */
  readonly transport: 'socket' | 'http' | null;
  /** This tab speaks for the others of the same store. */
  readonly isLeader: boolean;
  /** Why nothing moves, and until when it waits by itself (Unix ms; null: until something changes). */
  readonly stuck: { readonly reason: StuckReason; readonly detail: string; readonly until: number | null } | null;
  /** The server's clock minus this device's, ms; null before the first connection (MRG-6). */
  readonly clockOffsetMs: number | null;
  /** Times that a differing state hash was mended by a fresh snapshot, since this client was created. */
  readonly repairs: number;
  /** Times that the server told this replica to begin anew, since this client was created. */
  readonly resets: number;
}

export type StuckReason =
  | 'offline'
  | 'unreachable'
  | 'no_progress'
  /** For a moment: connecting again as another device, or for a fresh snapshot. */
  | 'begins_again'
  | 'unauthorized'
  | 'device_revoked'
  | 'too_many_resets'
  | 'storage_full'
  | 'storage_lost'
  | 'unsupported_protocol'
  | 'server_error';
