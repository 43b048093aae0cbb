import type { ConflictId, MemoryId, UserId } from '../../core/ids.ts';
import type { RegisterName } from '../../core/register.ts';
import type { Queryable, Statement } from '../infra/database.ts';

/** What a conflict is about. It never changes, so it may be read before the head is locked. */
export interface ConflictKey {
  readonly memoryId: MemoryId;
  readonly register: RegisterName;
  readonly loserSeq: number;
}

const statement: Statement = {
  name: 'read-conflict-key',
  text: `select memory_id as "memoryId", register, loser_seq as "loserSeq" from conflicts where user_id = $1::uuid and id = $2::uuid`,
};

export async function readConflictKey(db: Queryable, userId: UserId, id: ConflictId): Promise<ConflictKey | null> {
  const [key] = await db.query<ConflictKey>(statement, [userId, id]);
  return key ?? null;
}
