/** Similar memories by the words that they share, where no search is at hand: reads every live content of the user. */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { readMemory } from '../read/memory-view.ts';
import type { FindSimilar, Similar } from './similar.ts';
import { minShare, shareOf, toWords } from './word-share.ts';

const pageSize = 5_000;

/** Of each text. */
const limit = 5;

const pageStatement: Statement = {
  name: 'ingest-contents',
  text: `select id, content from memories where user_id = $1::uuid and id > $2::uuid and not deleted and not erased
    order by id limit $3::int`,
};

interface Ranked {
  readonly id: MemoryId;
  readonly share: number;
}

export function createSimilarByWords(db: Queryable): FindSimilar {
  return async (userId, texts) => {
    const wanted = texts.map((text) => ({ words: toWords(text), best: [] as Ranked[] }));
    for await (const { id, content } of readContents(db, userId)) {
      const words = toWords(content);
      for (const one of wanted) one.best = withRanked(one.best, { id, share: shareOf(one.words, words) });
    }
    return Promise.all(wanted.map(({ best }) => readAll(db, userId, best)));
  };
}

async function* readContents(db: Queryable, userId: UserId): AsyncGenerator<{ readonly id: MemoryId; readonly content: string }> {
  for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
    const page = await db.query<{ id: MemoryId; content: string }>(pageStatement, [userId, after, pageSize]);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    after = last.id;
  }
}

function withRanked(best: Ranked[], one: Ranked): Ranked[] {
  if (one.share < minShare) return best;
  return [...best, one].sort((a, b) => b.share - a.share).slice(0, limit);
}

async function readAll(db: Queryable, userId: UserId, ranked: readonly Ranked[]): Promise<readonly Similar[]> {
  const views = await Promise.all(ranked.map(({ id }) => readMemory(db, userId, id)));
  return views.flatMap((view) => (view === null || view.memory.deleted ? [] : [{ memory: view.memory, similarity: null }]));
}
