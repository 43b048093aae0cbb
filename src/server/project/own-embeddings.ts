/** Embeddings that a file brings along, as vectors of its memories. */
import type { MemoryId, UserId } from '../../core/ids.ts';
import { toVector } from '../embed/to-vector.ts';
import type { Database } from '../infra/database.ts';
import { keepOwnVectors, ownVectorModel } from './own-vectors.ts';

export interface OwnEmbedding {
  readonly memoryId: MemoryId;
  readonly content: string;
  readonly numbers: readonly number[];
  /** As the file names it. */
  readonly model: string | undefined;
}

/** @param serverModel of the server's own embedder. */
export function createKeepEmbeddings(
  db: Database,
  serverModel: string,
): (userId: UserId, embeddings: readonly OwnEmbedding[]) => Promise<void> {
  return async (userId, embeddings) => {
    const vectors = embeddings.flatMap(({ memoryId, content, numbers, model }) => {
      const vector = toVector(numbers);
      return vector === null ? [] : [{ memoryId, content, vector, model: ownVectorModel(model, serverModel) }];
    });
    await keepOwnVectors(db, userId, vectors);
  };
}
