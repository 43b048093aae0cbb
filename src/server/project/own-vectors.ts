/** Vectors that clients bring with their memories. */
import { isBuiltInModel } from '../../core/embedding.ts';
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Database, Statement } from '../infra/database.ts';
import { lockVectorHeads } from './vector-heads.ts';
import { contentHash, writeVectors } from './vector-rows.ts';

export interface OwnVector {
  readonly memoryId: MemoryId;
  readonly content: string;
  /** As `toVector` makes it. */
  readonly vector: Float32Array;
  readonly model: string;
}

/** Where vectors without the name of a model are kept, unless the server's own model is one that clients can have too. */
const clientModel = 'client';

/** The vector space that a client means: the one it names, or the server's own. */
export function ownVectorModel(named: string | undefined, serverModel: string): string {
  return named ?? (isBuiltInModel(serverModel) ? clientModel : serverModel);
}

const addHeadStatement: Statement = {
  name: 'add-vector-head',
  text: `insert into vector_heads (user_id, model) select u.user_id, $2::text from users u where u.user_id = $1::uuid
    on conflict (user_id, model) do nothing`,
};

/** Each where its memory still has the content; of one memory and model the last one counts. */
export async function keepOwnVectors(db: Database, userId: UserId, vectors: readonly OwnVector[]): Promise<void> {
  const byModel = new Map<string, Map<MemoryId, OwnVector>>();
  for (const vector of vectors) {
    const ofModel = byModel.get(vector.model) ?? new Map<MemoryId, OwnVector>();
    byModel.set(vector.model, ofModel.set(vector.memoryId, vector));
  }
  for (const [model, ofModel] of byModel) await keepOfModel(db, userId, model, [...ofModel.values()]);
}

async function keepOfModel(db: Database, userId: UserId, model: string, vectors: readonly OwnVector[]): Promise<void> {
  await db.query(addHeadStatement, [userId, model]);
  const rows = vectors.map(({ memoryId, content, vector }) => ({ memoryId, contentHash: contentHash(content), vector }));
  await db.transaction(async (tx) => {
    const heads = await lockVectorHeads(tx, userId);
    if (heads.some((head) => head.model === model)) await writeVectors(tx, userId, model, rows);
  });
}
