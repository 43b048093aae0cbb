/** The words of the memories behind the log: whatever was written in what order, they are those of the memories as they stand. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MemoryId, UserId } from '../../../src/core/ids.ts';
import type { Replica } from '../../../src/server/command/append-request.ts';
import { createMemoryCommands } from '../../../src/server/command/memory-commands.ts';
import type { Database } from '../../../src/server/infra/database.ts';
import { stepTexts } from '../../../src/server/project/texts.ts';
import { createAppendNode, createDatabaseUser, newMemoryId } from '../../support/append.ts';
import { describeOnEachEngine, type TestDatabase } from '../../support/databases.ts';

const words = ['tea', 'teas', 'rain', "O'Neill", '東京', "東京's", '茶', 'the', 'ﷺ', '𐀀', "l'été", '--', '7'] as const;
const content = fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 6 }).map((some) => some.join(' '));
const place = fc.nat({ max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('write'), place, content }),
  fc.record({ kind: fc.constantFrom('tag', 'delete', 'restore', 'erase'), place }),
  fc.record({ kind: fc.constantFrom('project', 'projectTwice') }),
);

describeOnEachEngine('the words of the memories', (open) => {
  let database: TestDatabase;
  let db: Database;

  beforeAll(async () => {
    database = await open();
    db = database.db;
  });
  afterAll(() => database[Symbol.asyncDispose]());

  const catchUp = async (userId: UserId): Promise<void> => {
    while (!(await stepTexts(db, userId)));
  };
  const read = async (userId: UserId) => ({
    heads: await db.query('select text_seq, text_count, text_length from recall_heads where user_id = $1::uuid', [userId]),
    terms: await db.query('select term, memories from text_terms where user_id = $1::uuid order by 1', [userId]),
    texts: await db.query(
      'select memory_id, length, conversation, at_ms, terms::text as terms from memory_texts where user_id = $1::uuid order by 1',
      [userId],
    ),
  });
  const forget = async (userId: UserId): Promise<void> => {
    for (const table of ['recall_heads', 'memory_texts', 'text_terms'])
      await db.query(`delete from ${table} where user_id = $1::uuid`, [userId]);
  };

  it.each([
    ['one after the other', false],
    ['all at once', true],
  ])(
    '[LOG-7] after any writes, deletes, restores and erasures they are what a fresh projection makes: %s',
    async (_, isAtOnce) => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 24 }), async (steps) => {
          const { userId, devices } = await createDatabaseUser(db);
          const take = taker(db, userId, devices[0] as Replica);
          if (isAtOnce) await Promise.all(steps.map(take));
          else for (const one of steps) await take(one);
          await catchUp(userId);
          const kept = await read(userId);
          await forget(userId);
          await catchUp(userId);
          expect(kept).toEqual(await read(userId));
        }),
        { numRuns: 25 },
      );
    },
  );
});

type Step =
  | { readonly kind: 'write'; readonly place: number; readonly content: string }
  | { readonly kind: 'tag' | 'delete' | 'restore' | 'erase'; readonly place: number }
  | { readonly kind: 'project' | 'projectTwice' };

const fields = { type: 'fact', scope: 'user_global', confidence: null, source: null, tags: [] } as const;

function taker(db: Database, userId: UserId, device: Replica): (step: Step) => Promise<unknown> {
  const commands = createMemoryCommands({ db, append: createAppendNode(db), newId: newMemoryId });
  const writer = { userId, device };
  const ids = Array.from({ length: 4 }, newMemoryId);
  const firstSeqs = new Map<MemoryId, number>();
  return async (one) => {
    if (!('place' in one))
      return Promise.all(Array.from({ length: one.kind === 'project' ? 1 : 2 }, () => stepTexts(db, userId)));
    const id = ids[one.place] as MemoryId;
    if (one.kind === 'tag') return commands.update(writer, id, { tags: ['tagged'] }, 'any');
    if (one.kind === 'delete') return commands.delete(writer, id, 'any');
    if (one.kind === 'restore') return commands.restore(writer, id, firstSeqs.get(id) ?? 1);
    if (one.kind === 'erase') return commands.erase(writer, id, 'any');
    if (one.kind !== 'write') return undefined;
    const created = await commands.create(writer, id, { ...fields, content: one.content });
    if (!created.ok) return commands.update(writer, id, { content: one.content }, 'any');
    firstSeqs.set(id, created.value.memory.seq);
    return created;
  };
}
