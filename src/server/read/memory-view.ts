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

export interface EmbeddedView extends MemoryView {
  /** The content has its vector. */
  readonly embedded: boolean;
}

export type EmbeddedViewRow = MemoryViewRow & { readonly embedded: boolean };

/** Of `m` in `memories` and `a` in `memory_accesses`, where `$3` is the model of the server's own vectors. @param user whose they are, in SQL. */
export const embeddedColumns = (user: string): string =>
  `${viewColumns}, coalesce(a.count, 0) as access_count, ${hasVector(user)} as embedded`;

export const rowToEmbeddedView = (row: EmbeddedViewRow): EmbeddedView => ({ ...rowToView(row), embedded: row.embedded });

const countStatement: Statement = {
  name: 'read-access-count',
  text: 'select count from memory_accesses where user_id = $1::uuid and memory_id = $2::uuid',
};

export async function readAccessCount(db: Queryable, userId: UserId, id: MemoryId): Promise<number> {
  const [row] = await db.query<{ count: number }>(countStatement, [userId, id]);
  return row?.count ?? 0;
}
