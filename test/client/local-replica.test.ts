/** Two handles on one store that hear nothing of each other, as tabs where there is no channel. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createLocalReplica, type LocalReplica } from '../../src/client/local-replica.ts';
import { createVolatilePlace } from '../../src/client/volatile-place.ts';
import { createVolatileStore } from '../../src/client/volatile-store.ts';
import type { DeviceId, MemoryId } from '../../src/core/ids.ts';
import { newReplicaMeta } from '../../src/sync/replica-change.ts';

const ofServer: MemoryId = '018f0000-0000-7000-8000-000000000001' as MemoryId;
const written: MemoryId = '018f0000-0000-7000-8000-000000000002' as MemoryId;

describe('replicas of one store', () => {
  it('[SYN-5] a snapshot planned by one that missed that the lineage changed keeps the ops that wait', async () => {
    const place = createVolatilePlace();
    const open = (): Promise<LocalReplica> =>
      createLocalReplica({
        store: createVolatileStore(place),
        now: () => 1_000,
        create: () => newReplicaMeta(randomUUID() as DeviceId),
        tell: () => {},
        onTouched: () => {},
      });
    const a = await open();
    const memory = { id: ofServer, seq: 1, createdAt: 1, updatedAt: 1, deleted: false, erased: false, content: 'of the server' };
    const fields = { type: 'fact', scope: 'user_global', confidence: null, source: null, tags: [] } as const;
    const page = { type: 'SNAPSHOT', at: 1, next: null } as const;
    await a.perform({ kind: 'snapshot', page: { ...page, memories: [{ ...memory, ...fields }] }, serverCounter: 0 });
    const b = await open();
    await a.perform({
      kind: 'write',
      drafts: [{ memoryId: written, change: { writes: [{ register: 'content', value: 'x' }] } }],
    });
    await a.perform({ kind: 'restart', resync: { reason: 'lineage', shared: null } });
    await b.perform({ kind: 'snapshot', page: { ...page, memories: [] }, serverCounter: 0 });
    expect((await open()).mirror.outbox.map(({ counter, memoryId }) => [counter, memoryId])).toEqual([
      [1, ofServer],
      [2, written],
    ]);
  });
});
