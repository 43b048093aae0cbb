/** What two connections do to the words of a user at once. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stepTexts } from '../../../src/server/project/texts.ts';
import { createAppendNode, createDatabaseUser, creation, newMemoryId, op, push } from '../../support/append.ts';
import { type TestDatabase, testDatabase } from '../../support/databases.ts';

let place: TestDatabase;

beforeAll(async () => {
  place = await testDatabase('postgresql');
});
afterAll(() => place[Symbol.asyncDispose]());

it('[LOG-3] of a user who is deleted before the first projection no word is made any more', async () => {
  const { db } = place;
  const user = await createDatabaseUser(db);
  await createAppendNode(db).submit(push(user, 1, 1, 0, [op(newMemoryId(), creation('private'))]));
  const steps: Promise<boolean>[] = [];
  await db.transaction(async (tx) => {
    // The order of deleteUser; here the projection begins when the words are gone and the user is not.
    for (const table of ['user_heads', 'events', 'memories', 'recall_heads', 'memory_texts', 'text_terms'])
      await tx.query(`delete from ${table} where user_id = $1::uuid`, [user.userId]);
    const first = stepTexts(db, user.userId);
    const second = first.then(() => stepTexts(db, user.userId));
    steps.push(first, second);
    const isWaiting = async (): Promise<boolean> => {
      const [row] = await tx.query<{ n: number }>('select count(*)::int as n from pg_locks where not granted');
      return (row?.n ?? 0) > 0;
    };
    let isSecondDone = false;
    void second.then(() => {
      isSecondDone = true;
    });
    while (!(isSecondDone || (await isWaiting())));
    await tx.query('delete from devices where user_id = $1::uuid', [user.userId]);
    await tx.query('delete from users where user_id = $1::uuid', [user.userId]);
  });
  await Promise.all(steps);
  for (const table of ['recall_heads', 'memory_texts', 'text_terms'])
    expect(await db.query(`select 1 as found from ${table} where user_id = $1::uuid`, [user.userId]), table).toEqual([]);
});
