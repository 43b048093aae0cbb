/** The database goes away while requests wait for it: another session ends the append's connections. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defaultGroupLimits } from '../../../src/server/command/group-commit.ts';
import { type Database, DatabaseUnavailable } from '../../../src/server/infra/database.ts';
import { lockHead, readHead } from '../../../src/server/log/head.ts';
import { verifyLog } from '../../../src/server/log/verify.ts';
import {
  createAppendNode,
  createDatabaseUser,
  creation,
  type DatabaseUser,
  newMemoryId,
  op,
  push,
} from '../../support/append.ts';
import { type TestDatabase, testDatabase } from '../../support/databases.ts';
import { openDirect, openFurther } from '../../support/open-postgres.ts';

describe('append on PostgreSQL, whose connections end', () => {
  const name = 'aibrain-append-test';
  let place: TestDatabase;
  let admin: Database;
  let db: Database;

  beforeAll(async () => {
    place = await testDatabase('postgresql');
    admin = await openDirect(place);
    db = await openFurther(place, { applicationName: name, poolSize: 4 });
  });
  afterAll(async () => {
    await db.close();
    await admin.close();
    await place[Symbol.asyncDispose]();
  });

  /** Holds the user's head, so that a write waits; once one does, ends the connections of the append. */
  async function cutWhileWriting(
    user: DatabaseUser,
    act: () => readonly Promise<unknown>[],
  ): Promise<PromiseSettledResult<unknown>[]> {
    let acts: readonly Promise<unknown>[] = [];
    await admin.transaction(async (tx) => {
      await lockHead(tx, user.userId);
      acts = act();
      for (const waiting of acts) waiting.catch(() => undefined);
      for (let isWaiting = false; !isWaiting; ) {
        // Outside of the transaction, in which what it saw first would stay.
        const [row] = await admin.query<{ waiting: number }>(
          `select count(*)::int as waiting from pg_stat_activity where application_name = $1::text and wait_event_type = 'Lock'`,
          [name],
        );
        isWaiting = (row?.waiting ?? 0) > 0;
      }
      await tx.query('select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1::text', [name]);
      await Promise.race(acts.map((waiting) => waiting.catch(() => undefined)));
    });
    return await Promise.allSettled(acts);
  }

  it('[LOG-2] everything that was being written is rejected as unavailable, and a retry is safe', async () => {
    const [user, other] = [await createDatabaseUser(admin, 2), await createDatabaseUser(admin, 1)];
    const node = createAppendNode(db);
    const requests = [
      push(user, 1, 1, 0, [op(newMemoryId(), creation('a'))]),
      push(user, 2, 1, 0, [op(newMemoryId(), creation('b'))]),
      push(other, 1, 1, 0, [op(newMemoryId(), creation('c'))]),
    ];
    const results = await cutWhileWriting(user, () => requests.map((request) => node.submit(request)));
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: expect.any(DatabaseUnavailable) });
    const again = await Promise.all(requests.map((request) => node.submit(request)));
    expect(again.map((result) => result.kind)).toEqual(['pushed', 'pushed', 'pushed']);
    expect((await readHead(admin, user.userId))?.seq).toBe(2);
    expect(await verifyLog(admin, user.userId)).toMatchObject({ verified: true });
  });

  it('[LOG-2] what is acknowledged is in the log, also for an op that came again while its first write failed', async () => {
    const user = await createDatabaseUser(admin, 1);
    // Plans ahead always: the second is planned on what the first will have written.
    const node = createAppendNode(db, { limits: { ...defaultGroupLimits, groupOps: 1, planAheadOps: 0 } });
    const request = push(user, 1, 1, 0, [op(newMemoryId(), creation('a'))]);
    const results = await cutWhileWriting(user, () => [node.submit(request), node.submit(request)]);
    const isAcknowledged = results.some((result) => result.status === 'fulfilled');
    const head = await readHead(admin, user.userId);
    expect(head?.seq).toBe(isAcknowledged ? 1 : 0);
    expect(await node.submit(request)).toMatchObject({ kind: 'pushed', acked: 1, head: 1 });
    expect((await readHead(admin, user.userId))?.seq).toBe(1);
  });

  it('[LOG-1] writes go on after the cut in the order of the log', async () => {
    const user = await createDatabaseUser(admin, 1);
    const node = createAppendNode(db, { limits: { ...defaultGroupLimits, groupOps: 2, planAheadOps: 0 } });
    const requests = Array.from({ length: 10 }, (_, i) => push(user, 1, i + 1, 0, [op(newMemoryId(), creation(`${i}`))]));
    await cutWhileWriting(user, () => requests.map((request) => node.submit(request)));
    const later = await Promise.all(requests.map((request) => node.submit(request)));
    expect(later.map((result) => result.kind)).toEqual(requests.map(() => 'pushed'));
    expect((await readHead(admin, user.userId))?.seq).toBe(10);
    expect(await verifyLog(admin, user.userId)).toMatchObject({ verified: true, events: 10 });
  });
});
