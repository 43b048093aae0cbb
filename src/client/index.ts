/** The published entry point, `aibrain-server/client`. */

export { parseId } from '../core/ids.ts';
export { memoryLimits, memoryScopes, memoryTypes } from '../core/memory.ts';
export type { Client } from './client-api.ts';
export { StorageFull, StorageLost } from './store.ts';
