/** What the vectors of a model have to be compared with: contents as they stand, of all memories or of those that changed. */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';

export interface ChangedContent {
  readonly memoryId: MemoryId;
  /** Empty when it is not live. */
  readonly content: string;
  readonly isLive: boolean;
  /** Its vector of this model is of this content. */
  readonly hasVector: boolean;
}

interface Row {
  id: MemoryId;
  content: string;
  is_live: boolean;
  has_vector: boolean;
}

const columns = `case when m.deleted or m.erased then '' else m.content end as content, not (m.deleted or m.erased) as is_live,
  exists (select 1 from memory_vectors v where v.user_id = $1::uuid and v.model = $2::text and v.memory_id = m.id
    and v.content_hash = sha256(convert_to(m.content, 'UTF8'))) as has_vector`;

const allStatement: Statement = {
  name: 'read-contents',
  text: `select m.id, ${columns} from memories m where m.user_id = $1::uuid and ($3::uuid is null or m.id > $3::uuid)
    order by m.id limit $4::int`,
};

/** A page of all memories, by id. */
export async function readContents(
  db: Queryable,
  request: { readonly userId: UserId; readonly model: string; readonly after: MemoryId | null; readonly limit: number },
): Promise<readonly ChangedContent[]> {
  return (await db.query<Row>(allStatement, [request.userId, request.model, request.after, request.limit])).map(toContent);
}

const eventsStatement: Statement = {
  name: 'read-changed-ids',
  text: 'select seq, memory_id from events where user_id = $1::uuid and seq > $2::bigint order by seq limit $3::int',
};

const changedStatement: Statement = {
  name: 'read-changed-contents',
  text: `select m.id, ${columns} from memories m where m.user_id = $1::uuid and m.id = any($3::uuid[])`,
};

/** The memories that so many events after a seq touched, those that are gone too, and the seq of the last of these events (0: none). */
export async function readChangedContents(
  db: Queryable,
  request: { readonly userId: UserId; readonly model: string; readonly after: number; readonly limit: number },
): Promise<{ readonly contents: readonly ChangedContent[]; readonly to: number }> {
  const { userId, model, after, limit } = request;
  const events = await db.query<{ seq: number; memory_id: MemoryId }>(eventsStatement, [userId, after, limit]);
  const ids = [...new Set(events.map((event) => event.memory_id))];
  const found = (await db.query<Row>(changedStatement, [userId, model, ids])).map(toContent);
  const foundIds = new Set(found.map(({ memoryId }) => memoryId));
  const gone = ids.filter((id) => !foundIds.has(id));
  const contents = [...found, ...gone.map((memoryId) => ({ memoryId, content: '', isLive: false, hasVector: false }))];
  return { contents, to: events.at(-1)?.seq ?? 0 };
}

const toContent = ({ id, content, is_live, has_vector }: Row): ChangedContent => ({
  memoryId: id,
  content,
  isLive: is_live,
  hasVector: has_vector,
});
