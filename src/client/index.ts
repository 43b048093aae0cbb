/** The published entry point, `aibrain-server/client`. */

export type { ConflictId, DeviceId, MemoryId } from '../core/ids.ts';
export { parseId } from '../core/ids.ts';
export type { Memory, MemoryFields, MemoryScope, MemoryType, Source } from '../core/memory.ts';
export { memoryLimits, memoryScopes, memoryTypes } from '../core/memory.ts';
export type { RegisterName, RegisterValue } from '../core/register.ts';
export type { RejectedOp } from '../sync/replica-change.ts';
export type { ClientOptions } from './client.ts';
export { createClient } from './client.ts';
export type {
  AdoptionProgress,
  AdoptOptions,
  Client,
  ClientEvent,
  ClientMemory,
  Conflict,
  ConflictSide,
  ListOptions,
  MemoryFilter,
  NewMemory,
  SearchAnswer,
  SearchResult,
} from './client-api.ts';
export type { TokenReason } from './connection.ts';
export type { ConnectionTiming } from './connection-timing.ts';
export type { ClientEnvironment, SocketLike } from './environment.ts';
export type { LifeCycleState } from './life-cycle.ts';
export { InvalidMemory, UnknownMemory } from './memory-writes.ts';
export type { Status, StuckReason } from './status.ts';
export type { ClientStore } from './store.ts';
export { StorageFull, StorageLost } from './store.ts';
