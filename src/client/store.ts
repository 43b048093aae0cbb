/**
 * Where a replica lives on its device. Two implementations keep the same promises (test/contract/client-store): IndexedDB,
 * and a volatile one for Node and tests. Every handle on the same place (a tab, a worker) sees the same replica.
 */
import type { OutboxOp, ReplicaChange, ReplicaContents, ReplicaMeta } from '../sync/replica-change.ts';

/** What a plan may build upon, read in the transaction that will write its change. */
export interface Stored {
  readonly meta: ReplicaMeta;
  /** Null unless it was asked for: reading it costs as much as it is long. */
  readonly outbox: readonly OutboxOp[] | null;
}

export interface Planned<T> {
  /** Null: nothing is written. */
  readonly change: ReplicaChange | null;
  readonly result: T;
}

export interface Committed<T> {
  readonly result: T;
  /** What was written, with its version; null when nothing was. */
  readonly change: ReplicaChange | null;
}

export interface ClientStore {
  /** For people: `IndexedDB "aibrain"`. */
  readonly description: string;
  /** Everything at one moment. @param create makes the record of a replica that is new here. */
  load(create: () => ReplicaMeta): Promise<ReplicaContents>;
  /**
   * One atomic step. `plan` runs inside the transaction and must not wait for anything; it may run again. When it throws,
   * or the place is full, nothing is written.
   * @throws StorageFull, StorageLost
   */
  commit<T>(needs: 'meta' | 'outbox', plan: (stored: Stored) => Planned<T>): Promise<Committed<T>>;
  /** A document beside the replica that can be fetched again at any time: conflicts. Null when there is none. */
  readNote(name: string): Promise<unknown>;
  writeNote(name: string, value: unknown): Promise<void>;
  /** Lets go of the place; the data stays. */
  close(): Promise<void>;
  /** Throws the replica away, on every handle. */
  destroy(): Promise<void>;
}

/** The device has no room left: nothing was written, nothing is lost. */
export class StorageFull extends Error {
  override readonly name = 'StorageFull';
}

/** The place went away under us: closed by a newer version, or cleared by the person or the browser. */
export class StorageLost extends Error {
  override readonly name = 'StorageLost';
}

/** The change as it is committed: with the versions that make a missed one visible. */
export function withVersions(before: ReplicaMeta, change: ReplicaChange): ReplicaChange {
  const version = before.version + 1;
  const touchesRows = change.rows !== undefined || change.removed !== undefined;
  return { ...change, meta: { ...change.meta, version, rowsVersion: touchesRows ? version : before.rowsVersion } };
}
