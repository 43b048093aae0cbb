import type { MemoryId, UserId } from '../../core/ids.ts';
import { ok, type Result } from '../../core/result.ts';
import type { Queryable } from '../infra/database.ts';
import { type Moment, type NoSuchState, readStateAt } from '../project/memory-at.ts';
import { stateToMemory } from '../project/memory-rows.ts';
import { type MemoryView, readAccessCount } from './memory-view.ts';

/** The memory as it was at the moment, deleted or not. */
export async function readMemoryAt(
  db: Queryable,
  userId: UserId,
  id: MemoryId,
  moment: Moment,
): Promise<Result<MemoryView, NoSuchState>> {
  const past = await readStateAt(db, userId, id, moment);
  return past.ok ? ok({ memory: stateToMemory(past.value), accessCount: await readAccessCount(db, userId, id) }) : past;
}
