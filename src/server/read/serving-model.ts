/** Which vectors a search looks among while those of a new model are being made. */
import type { UserId } from '../../core/ids.ts';
import type { Embedder } from '../embed/embedder.ts';
import type { Embedders } from '../embed/embedders.ts';
import type { Queryable } from '../infra/database.ts';
import { readVectorHeads, type VectorHead } from '../project/vector-heads.ts';

/** The present model when its vectors are complete; else the one used last whose are and that can still read a query; else the present one. */
export async function readServingModel(db: Queryable, userId: UserId, { present, ofModel }: Embedders): Promise<Embedder> {
  const heads = (await readVectorHeads(db, userId)).filter(({ complete }) => complete);
  if (heads.length === 0 || heads.some(({ model }) => model === present.model)) return present;
  for (const { model } of heads.toSorted(newestFirst)) {
    const embedder = ofModel(model);
    if (embedder !== null) return embedder;
  }
  return present;
}

const newestFirst = (a: VectorHead, b: VectorHead): number => (b.leasedUntil?.getTime() ?? 0) - (a.leasedUntil?.getTime() ?? 0);
