/** Which messages were read already, and what came of them. A message is read once in its conversation. */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import type { Message } from './conversation.ts';

export interface ReadMessage {
  readonly message: Message;
  /** Those that came of it or were changed by it. */
  readonly memoryIds: readonly MemoryId[];
}

const readStatement: Statement = {
  name: 'read-ingested',
  text: `select message, memory_ids from ingested_messages
    where user_id = $1::uuid and conversation = $2::bytea and message = any($3::bytea[])`,
};

/** Those of the messages that were read before. */
export async function findReadMessages(
  db: Queryable,
  userId: UserId,
  conversation: Uint8Array,
  messages: readonly Message[],
): Promise<readonly ReadMessage[]> {
  const hashes = messages.map(({ hash }) => hash);
  const rows = await db.query<{ message: Buffer; memory_ids: MemoryId[] }>(readStatement, [userId, conversation, hashes]);
  const idsByHash = new Map(rows.map((row) => [row.message.toString('hex'), row.memory_ids]));
  return messages.flatMap((message) => {
    const memoryIds = idsByHash.get(message.hash.toString('hex'));
    return memoryIds === undefined ? [] : [{ message, memoryIds }];
  });
}

/**
 * Lists of ids travel as text: arrays of arrays would have to be of one length. Erasing a user takes the head first, so that one who was
 * erased meanwhile leaves no row.
 */
const recordStatement: Statement = {
  name: 'record-ingested',
  text: `insert into ingested_messages (user_id, conversation, message, position, said_at, ingested_at, memory_ids)
    select $1::uuid, $2::bytea, r.message, r.position, r.said_at::timestamptz, $6::timestamptz, r.memory_ids::uuid[]
    from unnest($3::bytea[], $4::int[], $5::text[], $7::text[]) as r(message, position, said_at, memory_ids)
    where exists (select 1 from user_heads where user_id = $1::uuid for key share)
    on conflict (user_id, conversation, message) do nothing`,
};

export async function recordReadMessages(
  db: Queryable,
  userId: UserId,
  conversation: Uint8Array,
  { read, at }: { readonly read: readonly ReadMessage[]; readonly at: Date },
): Promise<void> {
  await db.query(recordStatement, [
    userId,
    conversation,
    read.map(({ message }) => message.hash),
    read.map(({ message }) => message.index),
    read.map(({ message }) => message.at),
    at,
    read.map(({ memoryIds }) => `{${memoryIds.join(',')}}`),
  ]);
}
