/** A memory with its statistics, which live outside the log (LOG-7). */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Memory } from '../../core/memory.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { type MemoryRow, memoryColumns, rowToMemory } from '../project/memory-rows.ts';
import { hasVector } from './read-embedded.ts';

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
  text: `select ${viewColumns}, coalesce(a.count, 0) as access_count, ${hasVector} as embedded
    from memories m left join memory_accesses a on a.user_id = m.user_id and a.memory_id = m.id
    where m.user_id = $1::uuid and m.id = $2::uuid`,
};

export interface EmbeddedView extends MemoryView {
  /** The content has its vector. */
  readonly embedded: boolean;
}

/**
 * The memory as it stands, deleted or not, in one statement; null when the user has none of this id.
 * @param model of the server's own vectors.
 */
export async function readMemory(db: Queryable, userId: UserId, id: MemoryId, model: string): Promise<EmbeddedView | null> {
  const [row] = await db.query<MemoryViewRow & { readonly embedded: boolean }>(readStatement, [userId, id, model]);
  return row === undefined ? null : { ...rowToView(row), embedded: row.embedded };
}

const countStatement: Statement = {
  name: 'read-access-count',
  text: 'select count from memory_accesses where user_id = $1::uuid and memory_id = $2::uuid',
};

export async function readAccessCount(db: Queryable, userId: UserId, id: MemoryId): Promise<number> {
  const [row] = await db.query<{ count: number }>(countStatement, [userId, id]);
  return row?.count ?? 0;
}
