/** A page of the memories as they stand (SYN-5), newest id first, by the primary key: resumable, and useful early. */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Memory } from '../../core/memory.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { type MemoryRow, memoryColumns, rowToMemory } from '../project/memory-rows.ts';

const readSnapshotStatement: Statement = {
  name: 'read-snapshot',
  text: `select ${memoryColumns} from memories
    where user_id = $1::uuid and ($2::uuid is null or id < $2::uuid) order by id desc limit $3::int`,
};

/** @param after the last id of the page before, null for the first page. */
export async function readSnapshot(
  db: Queryable,
  userId: UserId,
  after: MemoryId | null,
  limit: number,
): Promise<readonly Memory[]> {
  const rows = await db.query<MemoryRow>(readSnapshotStatement, [userId, after, limit]);
  return rows.map(rowToMemory);
}
