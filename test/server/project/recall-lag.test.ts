import { afterAll, beforeAll, expect, it } from 'vitest';
import { readRecallLag } from '../../../src/server/project/recall-lag.ts';
import { stepTexts } from '../../../src/server/project/texts.ts';
import { createAppendNode, createDatabaseUser, creation, newMemoryId, op, push } from '../../support/append.ts';
import { describeOnEachEngine, type TestDatabase } from '../../support/databases.ts';

describeOnEachEngine('how far recall is behind', (open) => {
  let place: TestDatabase;
  beforeAll(async () => {
    place = await open();
  });
  afterAll(() => place?.[Symbol.asyncDispose]());

  it('counts users and events of each projection, and knows the oldest that is missing', async () => {
    const { db } = place;
    const none = { users: 0, events: 0, oldestMs: null };
    expect(await readRecallLag(db, 'a-model')).toEqual({ words: none, vectors: none });
    const [one, two] = [await createDatabaseUser(db), await createDatabaseUser(db)];
    const early = createAppendNode(db, { now: () => 1_000_000 });
    await early.submit(push(one, 1, 1, 0, [op(newMemoryId(), creation('tea')), op(newMemoryId(), creation('milk'))]));
    const late = createAppendNode(db, { now: () => 2_000_000 });
    await late.submit(push(two, 1, 1, 0, [op(newMemoryId(), creation('sugar'))]));
    const all = { users: 2, events: 3, oldestMs: 1_000_000 };
    expect(await readRecallLag(db, 'a-model')).toEqual({ words: all, vectors: all });
    while (!(await stepTexts(db, one.userId)));
    expect(await readRecallLag(db, 'a-model')).toEqual({ words: { users: 1, events: 1, oldestMs: 2_000_000 }, vectors: all });
  });
});
