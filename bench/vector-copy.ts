/** Vectors and their memories into a database, by COPY. */
import { randomUUID } from 'node:crypto';
import { idToBytes, type UserId } from '../src/core/ids.ts';
import { CopyWriter } from '../src/server/infra/copy-writer.ts';
import type { Database } from '../src/server/infra/database.ts';
import { dimensions, type VectorGenerator } from './vector-generator.ts';

const portion = 2_000;
export const benchModel = 'bench';

/** A new user with so many memories and their vectors. Every twentieth is a task, the others are facts. */
export async function copyUser(db: Database, count: number, generator: VectorGenerator): Promise<UserId> {
  const userId = randomUUID() as UserId;
  await db.query(`insert into users values ($1::uuid, $1::uuid::text, '', '{}', now())`, [userId]);
  const head = [userId, benchModel, count];
  await db.query(
    'insert into vector_heads (user_id, model, complete, vectors) values ($1::uuid, $2::text, true, $3::bigint)',
    head,
  );
  for (let done = 0; done < count; done += portion) {
    const copy = toCopy(userId, Math.min(portion, count - done), generator);
    await db.copyIn('copy memory_vectors (user_id, model, memory_id, content_hash, h, b) from stdin with (format binary)', copy);
  }
  await db.query(
    `insert into memories (user_id, id, seq, deleted, erased, open_conflicts, created_ms, updated_ms, type, scope, content, tags, stamps)
      select user_id, memory_id, n, false, false, 0, n, n, case when n % 20 = 0 then 'task' else 'fact' end, 'user_global',
        repeat('what is remembered ', 5), '{}', repeat('x', 40)::bytea
      from (select user_id, memory_id, row_number() over (order by memory_id) as n from memory_vectors where user_id = $1::uuid) v`,
    [userId],
  );
  return userId;
}

function toCopy(userId: UserId, count: number, generator: VectorGenerator): Buffer {
  const copy = new CopyWriter();
  const model = Buffer.from(benchModel);
  for (let n = 0; n < count; n++) {
    const vector = generator.next();
    copy
      .row(6)
      .bytes(idToBytes(userId))
      .bytes(model)
      .bytes(idToBytes(randomUUID() as UserId))
      .bytes(Buffer.alloc(32));
    copy.bytes(toHalfvec(vector)).bytes(toBits(vector));
  }
  return copy.end();
}

/** pgvector's binary form: the number of numbers, 0, and each in 16 bits (IEEE 754 binary16). */
function toHalfvec(vector: Float32Array): Buffer {
  const bytes = Buffer.alloc(4 + 2 * dimensions);
  bytes.writeUInt16BE(dimensions, 0);
  for (let i = 0; i < dimensions; i++) bytes.writeUInt16BE(toHalf(vector[i] ?? 0), 4 + 2 * i);
  return bytes;
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** Of numbers below 1, which all of a unit vector are; rounded to the nearest. */
function toHalf(number: number): number {
  float[0] = number;
  const sign = ((bits[0] ?? 0) >>> 16) & 0x8000;
  const size = Math.abs(number);
  if (size < 2 ** -14) return sign | Math.round(size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  return sign | (((exponent + 15) << 10) + Math.round((size / 2 ** exponent - 1) * 1_024));
}

/** PostgreSQL's binary form of a bit string: how many, and the bits. */
function toBits(vector: Float32Array): Buffer {
  const bytes = Buffer.alloc(4 + dimensions / 8);
  bytes.writeUInt32BE(dimensions, 0);
  for (let i = 0; i < dimensions; i++) {
    if ((vector[i] ?? 0) > 0) bytes[4 + (i >> 3)] = (bytes[4 + (i >> 3)] ?? 0) | (0x80 >> (i & 7));
  }
  return bytes;
}
