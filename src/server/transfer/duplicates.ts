/** Which contents are there already: of live memories, and of records before. */
import { contentKey } from '../../core/content-key.ts';
import type { MemoryId, UserId } from '../../core/ids.ts';
import { sha256 } from '../infra/bytes.ts';
import type { Queryable } from '../infra/database.ts';
import { readSnapshotPages } from '../read/read-snapshot.ts';

export interface Duplicates {
  /** Whether another memory says the same; if not, this one does from now on. */
  isDuplicate(id: MemoryId, content: string): boolean;
}

/** About 150 bytes a memory, for as long as the import runs. */
export async function readDuplicates(db: Queryable, userId: UserId): Promise<Duplicates> {
  const idByKey = new Map<string, MemoryId>();
  const keyOf = (content: string): string => Buffer.from(sha256(Buffer.from(contentKey(content)))).toString('latin1', 0, 16);
  for await (const memories of readSnapshotPages(db, userId))
    for (const { id, deleted, content } of memories) if (!deleted) idByKey.set(keyOf(content), id);
  return {
    isDuplicate(id, content) {
      const key = keyOf(content);
      const other = idByKey.get(key);
      if (other === undefined) idByKey.set(key, id);
      return other !== undefined && other !== id;
    },
  };
}
