/** Vectors as rows of memory_vectors. */
import type { MemoryId, UserId } from '../../core/ids.ts';
import { sha256 } from '../infra/bytes.ts';
import type { Queryable, Statement } from '../infra/database.ts';

/** The vector of what was a memory's content when it was read. */
export interface ContentVector {
  readonly memoryId: MemoryId;
  /** Of the content. */
  readonly contentHash: Uint8Array;
  readonly vector: Float32Array;
}

export const contentHash = (content: string): Buffer => sha256(Buffer.from(content));

/** A vector as SQL reads it. halfvec keeps 11 bits of each number: six digits are more than it can hold. */
export function vectorToText(vector: Float32Array): string {
  const numbers = new Array<number>(vector.length);
  for (let i = 0; i < vector.length; i++) numbers[i] = Math.round((vector[i] ?? 0) * 1e6) / 1e6;
  return `[${numbers.join(',')}]`;
}

/** Only where the content still is what the vector was made of: a vector of erased or older words is never written (LOG-3). */
const writeStatement: Statement = {
  name: 'write-vectors',
  text: `insert into memory_vectors as v (user_id, model, memory_id, content_hash, h, b)
      select $1::uuid, $2::text, n.memory_id, n.content_hash, n.h::halfvec(1536), binary_quantize(n.h::halfvec(1536))::bit(1536)
        from unnest($3::uuid[], $4::bytea[], $5::text[]) as n(memory_id, content_hash, h)
        join memories m on m.user_id = $1::uuid and m.id = n.memory_id
        where not m.deleted and not m.erased and sha256(convert_to(m.content, 'UTF8')) = n.content_hash
    on conflict (user_id, model, memory_id) do update set content_hash = excluded.content_hash, h = excluded.h, b = excluded.b
    returning v.xmax = 0 as is_new`,
};

/** A statement of its own: Citus takes no INSERT inside of a WITH. */
const countStatement: Statement = {
  name: 'count-vectors',
  text: 'update vector_heads set vectors = vectors + $3::bigint where user_id = $1::uuid and model = $2::text',
};

/** Under the lock of the vector heads, each memory once. */
export async function writeVectors(
  tx: Queryable,
  userId: UserId,
  model: string,
  vectors: readonly ContentVector[],
): Promise<void> {
  if (vectors.length === 0) return;
  const ids = vectors.map(({ memoryId }) => memoryId);
  const hashes = vectors.map((vector) => vector.contentHash);
  const written = await tx.query<{ is_new: boolean }>(writeStatement, [
    userId,
    model,
    ids,
    hashes,
    vectors.map(({ vector }) => vectorToText(vector)),
  ]);
  const added = written.filter((row) => row.is_new).length;
  if (added > 0) await tx.query(countStatement, [userId, model, added]);
}
