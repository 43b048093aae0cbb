import { afterAll, beforeAll, expect, it } from 'vitest';
import { startHeadPoll } from '../../../src/server/fanout/head-poll.ts';
import { createHub } from '../../../src/server/fanout/hub.ts';
import type { Queryable } from '../../../src/server/infra/database.ts';
import { createAppendNode, createDatabaseUser, creation, newMemoryId, op, push } from '../../support/append.ts';
import { describeOnEachEngine, type TestDatabase } from '../../support/databases.ts';

const unreachable = (): never => expect.unreachable();

describeOnEachEngine('head poll', (open) => {
  let place: TestDatabase;
  beforeAll(async () => {
    place = await open();
  });
  afterAll(() => place[Symbol.asyncDispose]());

  it('[SYN-10] tells listeners of what another process wrote', async () => {
    const { db } = place;
    const [user, ignored] = [await createDatabaseUser(db), await createDatabaseUser(db)];
    const hub = createHub();
    const { stop } = startHeadPoll({ db, hub, onError: unreachable }, () => 5);
    const heads: number[] = [];
    const reached = new Promise<void>((resolve) => {
      hub.listen(user.userId, {
        committed: unreachable,
        hint: (head) => {
          heads.push(head);
          if (head === 2) resolve();
        },
      });
    });
    const elsewhere = createAppendNode(db);
    for (const [one, counter] of [
      [user, 1],
      [ignored, 1],
      [user, 2],
    ] as const) {
      await elsewhere.submit(push(one, 1, counter, 0, [op(newMemoryId(), creation('x'))]));
    }
    await reached;
    stop();
    expect(heads).toEqual([...heads].sort());
  });

  it('[SYN-10] goes on after a poll that failed', async () => {
    const { db } = place;
    const user = await createDatabaseUser(db);
    const hub = createHub();
    let polls = 0;
    const away: Pick<Queryable, 'query'> = {
      query: (statement, params) => (++polls < 3 ? Promise.reject(new Error('away')) : db.query(statement, params)),
    };
    const errors: unknown[] = [];
    const reached = new Promise<void>((resolve) => hub.listen(user.userId, { committed: unreachable, hint: () => resolve() }));
    const { stop } = startHeadPoll({ db: { ...db, ...away }, hub, onError: (error) => errors.push(error) }, () => 1);
    await reached;
    stop();
    expect(errors).toHaveLength(2);
  });

  it('[SYN-10] asks the database for nobody when nobody listens', async () => {
    const { db } = place;
    const hub = createHub();
    const asked: unknown[] = [];
    const watch: Queryable['query'] = (statement, params) => {
      asked.push(params);
      return db.query(statement, params);
    };
    const watching: Queryable = { ...db, query: (statement, params) => watch(statement, params) };
    const user = await createDatabaseUser(db);
    const { stop } = startHeadPoll({ db: watching, hub, onError: unreachable }, () => 1);
    await db.query('select 1');
    const stopListening = hub.listen(user.userId, { committed: unreachable, hint: () => undefined });
    await new Promise<void>((resolve) => hub.listen(user.userId, { committed: unreachable, hint: () => resolve() }));
    stopListening();
    stop();
    for (const params of asked) expect(params).toEqual([[user.userId]]);
  });
});
