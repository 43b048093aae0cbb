/** What a page, a worker or an extension has of its memories: everything here works offline, unless it says otherwise. */
import type { ConflictId, DeviceId, MemoryId } from '../core/ids.ts';
import type { Memory, MemoryFields, MemoryScope, MemoryType, Source } from '../core/memory.ts';
import type { RegisterName, RegisterValue } from '../core/register.ts';
import type { RejectedOp } from '../sync/replica-change.ts';
import type { Status } from './status.ts';

/** A memory as this device sees it: the server's row with the waiting ops on top (MRG-4). */
export interface ClientMemory extends Memory {
  /** Something of it waits to reach the server. */
  readonly isPending: boolean;
}

export interface NewMemory {
  /** Default: a new UUIDv7. */
  readonly id?: MemoryId;
  readonly content: string;
  readonly type: MemoryType;
  readonly scope: MemoryScope;
  readonly confidence?: number | null;
  readonly source?: Source | null;
  readonly tags?: readonly string[];
  /** Unix ms. Default: now. */
  readonly createdAt?: number;
}

export interface MemoryFilter {
  readonly type?: MemoryType | readonly MemoryType[];
  readonly scope?: MemoryScope | readonly MemoryScope[];
  /** All of them. */
  readonly tags?: readonly string[];
  readonly platform?: string;
  readonly conversationId?: string;
  /** Created, Unix ms, inclusive. */
  readonly from?: number;
  readonly to?: number;
  readonly minConfidence?: number;
  /** Deleted ones in place of the others. Default: false. */
  readonly deleted?: boolean;
}

export interface ListOptions extends MemoryFilter {
  /** Newest first. Default: `updated`. */
  readonly order?: 'created' | 'updated';
  readonly limit?: number;
}

export interface SearchResult {
  readonly memory: ClientMemory;
  /** Comparable within one answer only. */
  readonly score: number;
}

export interface SearchAnswer {
  readonly results: readonly SearchResult[];
  /** `device`: offline, or the server could not be asked. */
  readonly from: 'server' | 'device';
}

export interface ConflictSide {
  readonly seq: number;
  readonly device: { readonly id: DeviceId; readonly name: string };
  readonly value: RegisterValue;
}

/** A value that lost against a concurrent write and waits for a decision (MRG-3). */
export interface Conflict {
  readonly id: ConflictId;
  readonly memoryId: MemoryId;
  readonly register: RegisterName;
  readonly winner: ConflictSide;
  readonly loser: ConflictSide;
  /** ISO 8601. */
  readonly at: string;
}

export interface ClientEvent {
  /** Ids of memories that look different now; null: all may. */
  readonly memories: readonly MemoryId[] | null;
  readonly conflicts: boolean;
  readonly status: boolean;
}

export interface AdoptionProgress {
  readonly read: number;
  readonly adopted: number;
  readonly skipped: readonly { readonly key: string; readonly reason: string }[];
}

export interface Client {
  readonly device: DeviceId;
  readonly status: Status;
  /** @throws InvalidMemory, StorageFull. Resolves once it is kept on this device. */
  create(memory: NewMemory): Promise<ClientMemory>;
  /** Only the fields that differ are written. @throws InvalidMemory, UnknownMemory, StorageFull */
  update(id: MemoryId, fields: Partial<MemoryFields>): Promise<ClientMemory>;
  delete(id: MemoryId): Promise<void>;
  /** Takes a delete back. */
  restore(id: MemoryId): Promise<ClientMemory>;
  /** Null when it is unknown or erased; a deleted one comes with `deleted`. */
  get(id: MemoryId): ClientMemory | null;
  list(options?: ListOptions): readonly ClientMemory[];
  /** Of those that are not deleted. */
  count(): number;
  /** Asks the server when it is reachable, and this device otherwise. */
  search(
    query: string,
    options?: MemoryFilter & { readonly limit?: number; readonly where?: 'auto' | 'device' },
  ): Promise<SearchAnswer>;
  /** Open ones, as of the last time the server was reachable. */
  conflicts(): readonly Conflict[];
  /** Decides a conflict by writing the value again (MRG-8): works offline. */
  resolve(id: ConflictId, keep: 'winner' | 'loser'): Promise<void>;
  /** Ops that the server could not apply, with what they wanted to write. */
  rejected(): readonly RejectedOp[];
  dismissRejected(seq: number): Promise<void>;
  /** @returns the way to stop. */
  subscribe(listener: (event: ClientEvent) => void): () => void;
  /** Resolves when everything written here is on the server, and everything there is here. Rejects when `close` comes first. */
  settled(): Promise<void>;
  /** Tries at once, in place of waiting for the next attempt; ends a park. */
  syncNow(): void;
  /** Brings in another database of the browser, once: see adopt.ts. */
  adopt(options?: AdoptOptions): Promise<AdoptionProgress>;
  /** Stops syncing and lets go of the store; what is kept stays. */
  close(): Promise<void>;
  /** Closes, and throws away everything of this replica on this device. */
  destroy(): Promise<void>;
}

export interface AdoptOptions {
  /** Default: `MemoryLayerDB`. */
  readonly database?: string;
  /** Default: `memories`. */
  readonly store?: string;
  /** Only records of this `userId`. Default: all. */
  readonly userId?: string;
  readonly onProgress?: (progress: AdoptionProgress) => void;
}
