/** Single memories that are read in groups. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MemoryId, UserId } from '../../../src/core/ids.ts';
import type { Queryable } from '../../../src/server/infra/database.ts';
import { createMemoryReader } from '../../../src/server/read/memory-reader.ts';
import {
  createAppendNode,
  createDatabaseUser,
  creation,
  type DatabaseUser,
  newMemoryId,
  op,
  push,
} from '../../support/append.ts';
import { describeOnEachEngine, type TestDatabase } from '../../support/databases.ts';

describeOnEachEngine('memories that are read in groups', (open) => {
  let place: TestDatabase;
  const written: { readonly user: DatabaseUser; readonly ids: readonly MemoryId[] }[] = [];
  beforeAll(async () => {
    place = await open();
    const node = createAppendNode(place.db);
    for (const name of ['one', 'other']) {
      const user = await createDatabaseUser(place.db, 1);
      const ids = Array.from({ length: 130 }, newMemoryId);
      const ops = ids.map((id, index) => op(id, creation(`${name} ${index}`)));
      await node.submit(push(user, 1, 1, 0, ops));
      written.push({ user, ids });
    }
    await node.idle();
  });
  afterAll(() => place?.[Symbol.asyncDispose]());

  /** A reader, and the users of each statement that it sent. */
  const watched = (oneUser: boolean, break_ = (): boolean => false) => {
    const sent: (readonly UserId[])[] = [];
    const db: Queryable = {
      ...place.db,
      query: async <Row>(...[statement, params = []]: Parameters<Queryable['query']>): Promise<readonly Row[]> => {
        sent.push([params[0]].flat() as UserId[]);
        if (break_()) throw new Error('broken');
        return await place.db.query<Row>(statement, params);
      },
    };
    return { sent, reader: createMemoryReader({ db, model: 'lexical', oneUser }) };
  };

  describe.each([false, true])('each statement about one user: %s', (oneUser) => {
    it('[SYN-10] each answer is of the memory that was asked for, whoever else asks for what at the same time', async () => {
      const { reader } = watched(oneUser);
      const asked = written.flatMap(({ user, ids }) => ids.map((id) => ({ userId: user.userId, id })));
      const mixed = asked.toSorted((a, b) => a.id.localeCompare(b.id));
      const views = await Promise.all([...mixed, ...mixed].map(({ userId, id }) => reader.read(userId, id)));
      expect(views.map((view) => view?.memory.id)).toEqual([...mixed, ...mixed].map(({ id }) => id));
      const [one, other] = written;
      const ofOne = await reader.read(one?.user.userId as UserId, one?.ids[7] as MemoryId);
      expect(ofOne).toMatchObject({ memory: { content: 'one 7', deleted: false }, accessCount: 0, embedded: false });
      expect((await reader.read(other?.user.userId as UserId, other?.ids[7] as MemoryId))?.memory.content).toBe('other 7');
    });

    it('[SEC-1] another user’s id and one of nobody are not there, also in a group with those who have them', async () => {
      const { reader } = watched(oneUser);
      const [one, other] = written.map(({ user }) => user.userId) as [UserId, UserId];
      const id = written[0]?.ids[0] as MemoryId;
      const asked = [reader.read(one, id), reader.read(other, id), reader.read(one, randomUUID() as MemoryId)];
      expect((await Promise.all(asked)).map((view) => view?.memory.content ?? null)).toEqual(['one 0', null, null]);
    });

    it('[SYN-8] what is asked for at once is few statements, and none is about more than it may be', async () => {
      const { reader, sent } = watched(oneUser);
      const asked = Array.from({ length: 50 }, (_, index) => written[index % 2]).flatMap((of) =>
        of === undefined ? [] : [reader.read(of.user.userId, of.ids[0] as MemoryId)],
      );
      await Promise.all(asked);
      expect(sent.length).toBe(oneUser ? 2 : 1);
      expect(new Set(sent[0]).size).toBe(oneUser ? 1 : 2);
    });

    it('[SEC-2] a statement that fails fails those who asked in it, and nobody after them', async () => {
      let isBroken = true;
      const { reader } = watched(oneUser, () => isBroken);
      const [{ user, ids }] = written as [(typeof written)[number]];
      const failed = await Promise.allSettled(ids.slice(0, 3).map((id) => reader.read(user.userId, id)));
      expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
      isBroken = false;
      expect((await reader.read(user.userId, ids[0] as MemoryId))?.memory.content).toBe('one 0');
    });
  });
});
