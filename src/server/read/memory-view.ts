/** A memory with its statistics, which live outside the log (LOG-7). */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Memory } from '../../core/memory.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { type MemoryRow, memoryColumns, rowToMemory } from '../project/memory-rows.ts';

export interface MemoryView {
  readonly memory: Memory;
  readonly accessCount: number;
}

export type MemoryViewRow = Omit<MemoryRow, 'stamps' | 'open_conflicts'> & { readonly access_count: number };

/** Without the stamps, which only the merge reads. */
export const viewColumns: string = memoryColumns.replace(/, stamps$/, '').replaceAll(/(\w+)/g, 'm.$1');

export const rowToView = (row: MemoryViewRow): MemoryView => ({ memory: rowToMemory(row), accessCount: row.access_count });

const readStatement: Statement = {
  name: 'read-memory',
  text: `select ${viewColumns}, coalesce(a.count, 0) as access_count
    from memories m left join memory_accesses a on a.user_id = m.user_id and a.memory_id = m.id
    where m.user_id = $1::uuid and m.id = $2::uuid`,
};

/** The memory as it stands, deleted or not; null when the user has none of this id. */
export async function readMemory(db: Queryable, userId: UserId, id: MemoryId): Promise<MemoryView | null> {
  const [row] = await db.query<MemoryViewRow>(readStatement, [userId, id]);
  return row === undefined ? null : rowToView(row);
}

const countStatement: Statement = {
  name: 'read-access-count',
  text: 'select count from memory_accesses where user_id = $1::uuid and memory_id = $2::uuid',
};

export async function readAccessCount(db: Queryable, userId: UserId, id: MemoryId): Promise<number> {
  const [row] = await db.query<{ count: number }>(countStatement, [userId, id]);
  return row?.count ?? 0;
}
