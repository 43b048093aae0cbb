/** A page of the memories as they stand (SYN-5), newest id first, by the primary key: resumable, and useful early. */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Memory } from '../../core/memory.ts';
import { wireLimits } from '../../protocol/limits.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { type MemoryRow, memoryColumns, rowToMemory } from '../project/memory-rows.ts';

export interface SnapshotRequest {
  readonly userId: UserId;
  /** The last id of the page before, null for the first page. */
  readonly after: MemoryId | null;
  readonly maxMemories?: number;
  readonly maxBytes?: number;
}

export interface SnapshotPage {
  readonly memories: readonly Memory[];
  readonly isLast: boolean;
}

/** All of them, page by page: the next is read when the one before was taken. */
export async function* readSnapshotPages(db: Queryable, userId: UserId, maxMemories?: number): AsyncGenerator<readonly Memory[]> {
  for (let after: MemoryId | null = null, isLast = false; !isLast; ) {
    const page = await readSnapshot(db, { userId, after, ...(maxMemories !== undefined && { maxMemories }) });
    yield page.memories;
    after = page.memories.at(-1)?.id ?? null;
    isLast = page.isLast || after === null;
  }
}

/** One row more than may go out tells whether the page is the last. The first memory always fits: a snapshot makes progress. */
const readSnapshotStatement: Statement = {
  name: 'read-snapshot',
  text: `
with page as (
  select ${memoryColumns}, row_number() over newest as place, sum(octet_length(content) + octet_length(array_to_string(tags, ''))
    + coalesce(octet_length(source::text), 0)) over newest as bytes
  from memories where user_id = $1::uuid and ($2::uuid is null or id < $2::uuid)
  window newest as (order by id desc) order by id desc limit $3::int + 1
)
select ${memoryColumns}, (select count(*) from page) as found from page
where place = 1 or (place <= $3::int and bytes <= $4::bigint) order by id desc`,
};

export async function readSnapshot(db: Queryable, request: SnapshotRequest): Promise<SnapshotPage> {
  const { userId, after, maxMemories = wireLimits.snapshotMemories, maxBytes = wireLimits.snapshotBytes } = request;
  const rows = await db.query<MemoryRow & { found: number }>(readSnapshotStatement, [userId, after, maxMemories, maxBytes]);
  return { memories: rows.map(rowToMemory), isLast: rows.length === (rows[0]?.found ?? 0) };
}
