/** Duplicates by their words alone, where nothing better is at hand: reads every live content of the user. */
import { contentKey } from '../../core/content-key.ts';
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { readMemory } from '../read/memory-view.ts';
import type { FindSimilar, Similar } from './similar.ts';

const pageSize = 5_000;

const pageStatement: Statement = {
  name: 'ingest-contents',
  text: `select id, content from memories where user_id = $1::uuid and id > $2::uuid and not deleted and not erased
    order by id limit $3::int`,
};

export function createSimilarByWords(db: Queryable): FindSimilar {
  return async (userId, texts) => {
    const wanted = new Set(texts.map(contentKey));
    const idByKey = await findByKey(db, userId, wanted);
    return Promise.all(texts.map((text) => readSimilar(db, userId, idByKey.get(contentKey(text)))));
  };
}

async function findByKey(db: Queryable, userId: UserId, wanted: ReadonlySet<string>): Promise<ReadonlyMap<string, MemoryId>> {
  const idByKey = new Map<string, MemoryId>();
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const page = await db.query<{ id: MemoryId; content: string }>(pageStatement, [userId, after, pageSize]);
    for (const { id, content } of page) {
      const key = contentKey(content);
      if (wanted.has(key)) idByKey.set(key, id);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return idByKey;
    after = last.id;
  }
}

async function readSimilar(db: Queryable, userId: UserId, id: MemoryId | undefined): Promise<readonly Similar[]> {
  const view = id === undefined ? null : await readMemory(db, userId, id);
  return view === null || view.memory.deleted ? [] : [{ memory: view.memory, similarity: null }];
}
