/** What a request becomes, and what its failure leaves of the others: by the answers and by the rows. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MemoryId } from '../../../src/core/ids.ts';
import { fieldsOf } from '../../../src/core/merge.ts';
import type { RegisterValue, Write } from '../../../src/core/register.ts';
import type { AppendResult, WriteRequest, WritesRequest } from '../../../src/server/command/append-request.ts';
import type { Database } from '../../../src/server/infra/database.ts';
import { readHead } from '../../../src/server/log/head.ts';
import { bytesToMeta } from '../../../src/server/log/log-bytes.ts';
import { type EventRecord, readLog } from '../../../src/server/log/read-events.ts';
import { verifyLog } from '../../../src/server/log/verify.ts';
import {
  type AppendNode,
  createAppendNode,
  createDatabaseUser,
  creation,
  type DatabaseUser,
  newMemoryId,
  op,
  push,
  setting,
} from '../../support/append.ts';
import { describeOnEachEngine, type OpenTestDatabase, type TestDatabase } from '../../support/databases.ts';

describeOnEachEngine('what becomes of a request', (open) => {
  const at = useDatabase(open);
  idempotency(at);
  projections(at);
  failures(at);
});

type Place = () => Database;

function useDatabase(open: OpenTestDatabase): Place {
  let place: TestDatabase | undefined;
  beforeAll(async () => {
    place = await open();
  });
  afterAll(() => place?.[Symbol.asyncDispose]());
  return () => {
    if (place === undefined) throw new Error('the database is open inside of tests');
    return place.db;
  };
}

async function eventsOf(db: Database, { userId }: DatabaseUser): Promise<readonly EventRecord[]> {
  const events: EventRecord[] = [];
  for await (const page of readLog(db, userId, Number.MAX_SAFE_INTEGER)) events.push(...page);
  return events;
}

async function rowsOf<Row>(
  db: Database,
  table: 'events' | 'memories' | 'conflicts',
  user: DatabaseUser,
  order: string,
): Promise<readonly Row[]> {
  return await db.query<Row>(`select * from ${table} where user_id = $1::uuid order by ${order}`, [user.userId]);
}

const accepted = (result: AppendResult) => {
  if (result.kind !== 'pushed') throw new Error(JSON.stringify(result));
  return result;
};

function idempotency(at: Place): void {
  describe('counters', () => {
    it('[LOG-2] known, next, and beyond', async () => {
      const db = at();
      const user = await createDatabaseUser(db, 1);
      const node = createAppendNode(db);
      const ops = Array.from({ length: 4 }, (_, i) => op(newMemoryId(), creation(`${i}`)));
      const submit = (first: number, base: number, count: number) =>
        node.submit(push(user, 1, first, base, ops.slice(first - 1, first - 1 + count)));
      expect(await submit(2, 0, 1)).toEqual({ kind: 'counter_gap', expected: 1 });
      expect(await submit(1, 0, 2)).toEqual({ kind: 'pushed', acked: 2, head: 2, replayed: null });
      expect(await submit(1, 0, 2)).toEqual({ kind: 'pushed', acked: 2, head: 2, replayed: { first: 1, last: 2 } });
      expect(await submit(2, 0, 2)).toEqual({ kind: 'pushed', acked: 3, head: 3, replayed: { first: 2, last: 2 } });
      expect(await submit(1, 0, 1)).toEqual({ kind: 'pushed', acked: 3, head: 3, replayed: { first: 1, last: 1 } });
      expect(await submit(5, 0, 0)).toEqual({ kind: 'counter_gap', expected: 4 });
      expect(await submit(4, 0, 0)).toEqual({ kind: 'pushed', acked: 3, head: 3, replayed: null });
      expect(await submit(4, 4, 1)).toEqual({ kind: 'cursor_ahead', head: 3 });
      expect(await node.submit(push(user, 1, 4, 0, [{ ...op(newMemoryId(), creation('x')), base: 4 }]))).toEqual({
        kind: 'cursor_ahead',
        head: 3,
      });
      expect(await eventsOf(db, user)).toHaveLength(3);
    });

    it('[LOG-2] a rejected op uses its counter and blocks nothing', async () => {
      const db = at();
      const user = await createDatabaseUser(db, 1);
      const node = createAppendNode(db);
      const id = newMemoryId();
      const bad: readonly (readonly Write[])[] = [
        setting('content', 'no such memory'),
        creation('\0'),
        creation('\ud800'),
        creation('x', [{ register: 'confidence', value: Number.NaN }]),
        creation('x', [{ register: 'confidence', value: 1e300 }]),
        creation('x', [{ register: 'tags/__proto__', value: true }]),
        creation('x', [{ register: 'source', value: JSON.parse('{"__proto__": {"a": 1}}') as RegisterValue }]),
        creation('x'.repeat(1_048_576)),
        [],
      ];
      const ops = [...bad.map((writes) => op(newMemoryId(), writes)), op(id, creation('good'))];
      expect(await node.submit(push(user, 1, 1, 0, ops))).toMatchObject({ kind: 'pushed', acked: ops.length });
      const kinds = (await eventsOf(db, user)).map((event) => event.kind);
      expect(kinds).toEqual([...bad.map(() => 5), 0]);
      expect((await rowsOf<{ id: string }>(db, 'memories', user, 'id')).map((row) => row.id)).toEqual([id]);
      expect(await verifyLog(db, user.userId)).toMatchObject({ verified: true });
    });

    it('[SEC-1] a memory id of another user is unknown to this one, and a new memory of this one when it is created', async () => {
      const db = at();
      const [owner, other] = [await createDatabaseUser(db, 1), await createDatabaseUser(db, 1)];
      const node = createAppendNode(db);
      const id = newMemoryId();
      await node.submit(push(owner, 1, 1, 0, [op(id, creation('mine'))]));
      await node.submit(push(other, 1, 1, 0, [op(id, setting('content', 'stolen')), op(id, creation('own'))]));
      expect((await eventsOf(db, other)).map((event) => event.kind)).toEqual([5, 0]);
      expect((await rowsOf<{ content: string }>(db, 'memories', owner, 'id')).map((row) => row.content)).toEqual(['mine']);
      expect((await rowsOf<{ content: string }>(db, 'memories', other, 'id')).map((row) => row.content)).toEqual(['own']);
    });
  });
}

function projections(at: Place): void {
  describe('rows', () => {
    it('[LOG-7] the small and the large way write the same rows', async () => {
      const db = at();
      const small = await createDatabaseUser(db, 2);
      const large = await createDatabaseUser(db, 0);
      // The same names of everything but the user, so that rows can be compared.
      const clone: DatabaseUser = { ...large, devices: small.devices };
      await db.query(
        'update user_heads set epoch = $2::uuid, hash = (select hash from user_heads where user_id = $3::uuid) where user_id = $1::uuid',
        [large.userId, small.epoch, small.userId],
      );
      await db.query(
        `insert into devices (user_id, ordinal, id, name, created_at, last_seen_at)
          select $1::uuid, ordinal, id, name, created_at, last_seen_at from devices where user_id = $2::uuid`,
        [large.userId, small.userId],
      );
      const now = (): number => 1_700_000_000_000;
      const source = { url: 'https://example.org/"quoted"\\', title: '{"a": [1]}' };
      const odd: readonly Write[] = [
        { register: 'source', value: source },
        { register: 'confidence', value: 0.1 },
        { register: 'tags/a,b', value: true },
        { register: 'tags/"q"', value: true },
        { register: 'tags/\\', value: true },
        { register: 'tags/NULL', value: true },
        { register: 'tags/{}', value: true },
        { register: 'tags/gone', value: false },
      ];
      const ids = Array.from({ length: 150 }, newMemoryId);
      const first = ids.map((id, i) => op(id, creation(`\\ " ' 🧠 ${i}`, i % 3 === 0 ? odd : []), now() - 1_000 + i));
      const second = ids.flatMap((id, i) => [
        op(id, setting('content', `concurrent ${i}`), now() + (i % 2 ? 5_000 : -5_000)),
        op(newMemoryId(), setting('content', 'none')),
      ]);
      const third = ids.slice(0, 130).map((id) => op(id, setting('deleted', true), now()));
      const run = async (user: DatabaseUser, chunk: number): Promise<void> => {
        const node = createAppendNode(db, { now });
        for (const [device, from, base, ops] of [
          [1, 1, 0, first],
          [2, 1, 0, second],
          [1, 151, 150, third],
        ] as const) {
          for (let i = 0; i < ops.length; i += chunk)
            accepted(await node.submit(push(user, device, from + i, base, ops.slice(i, i + chunk))));
        }
      };
      await run(small, 25);
      await run(clone, 1_000);
      const same = (rows: readonly object[]) => rows.map((row) => ({ ...row, user_id: null, salt: null, hash: null }));
      for (const [table, order] of [
        ['events', 'seq'],
        ['memories', 'id'],
        ['conflicts', 'id'],
      ] as const) {
        const rows = await rowsOf<object>(db, table, small, order);
        expect(rows.length).toBeGreaterThan(100);
        expect(same(await rowsOf<object>(db, table, clone, order))).toEqual(same(rows));
      }
      const [a, b] = [await readHead(db, small.userId), await readHead(db, clone.userId)];
      expect({ ...b, userId: null, hash: null }).toEqual({ ...a, userId: null, hash: null });
      for (const user of [small, clone]) expect(await verifyLog(db, user.userId)).toMatchObject({ verified: true, events: 580 });
    });

    it('[MRG-3] a lost value is kept as a conflict, goes on against a new winner, and ends with a decision', async () => {
      const db = at();
      const user = await createDatabaseUser(db, 3);
      const id = newMemoryId();
      // Nodes in turn, so that states come from the database and from the cache.
      const nodes = [createAppendNode(db), createAppendNode(db)];
      let turn = 0;
      const submit = (device: number, counter: number, base: number, value: string, ms: number) =>
        (nodes[turn++ % 2] as AppendNode).submit(
          push(user, device, counter, base, [
            op(id, counter === 1 && device === 1 ? creation(value) : setting('content', value), ms),
          ]),
        );
      const conflicts = () => rowsOf<Record<string, unknown>>(db, 'conflicts', user, 'loser_seq');
      const now = Date.now();
      await submit(1, 1, 0, 'first', now);
      await submit(1, 2, 1, 'one', now + 10);
      await submit(2, 1, 1, 'two', now + 20);
      expect(await conflicts()).toMatchObject([
        {
          register: 'content',
          winner_seq: 3,
          loser_seq: 2,
          winner_value: 'two',
          loser_value: 'one',
          winner_device: 2,
          loser_device: 1,
          resolution: null,
        },
      ]);
      await submit(3, 1, 1, 'three', now + 30);
      expect(await conflicts()).toMatchObject([
        { loser_seq: 2, winner_seq: 4, winner_value: 'three', resolution: null },
        { loser_seq: 3, winner_seq: 4, winner_value: 'three', loser_value: 'two', resolution: null },
      ]);
      const [open] = await rowsOf<{ open_conflicts: number }>(db, 'memories', user, 'id');
      expect(open?.open_conflicts).toBe(2);
      await submit(1, 3, 4, 'one', now + 40);
      expect(await conflicts()).toMatchObject([
        { loser_seq: 2, resolution: 'loser', resolved_seq: 5 },
        { loser_seq: 3, resolution: 'overwritten', resolved_seq: 5 },
      ]);
      const [closed] = await rowsOf<{ open_conflicts: number }>(db, 'memories', user, 'id');
      expect(closed?.open_conflicts).toBe(0);
    });

    it('[MRG-6] stamps of 1970 and 2100 are taken: the one ahead is clamped, and kept raw for the audit', async () => {
      const db = at();
      const user = await createDatabaseUser(db, 2);
      const now = 1_764_000_000_000;
      const node = createAppendNode(db, { now: () => now });
      const id = newMemoryId();
      const far = Date.UTC(2100, 0, 1);
      await node.submit(push(user, 1, 1, 0, [op(id, creation('1970'), 0), op(id, setting('content', '2100'), far)]));
      // An honest clock loses against a stamp in the future, but by a minute and not for 70 years.
      await node.submit(push(user, 2, 1, 1, [op(id, setting('content', 'honest'), now)]));
      await node.submit(push(user, 2, 2, 1, [op(id, setting('content', 'a minute later'), now + 60_001)]));
      const metas = (await eventsOf(db, user)).map((event) => bytesToMeta(event.meta).rawHlc);
      expect(metas).toEqual([null, { ms: far, count: 0 }, null, { ms: now + 60_001, count: 0 }]);
      const [row] = await rowsOf<{ created_ms: number; updated_ms: number }>(db, 'memories', user, 'id');
      expect(row).toMatchObject({ created_ms: 0, updated_ms: now + 60_000 });
    });
  });
}

function failures(at: Place): void {
  describe('failures', () => {
    it('[LOG-2] a user that does not exist is told so, the others of the group are written', async () => {
      const db = at();
      const user = await createDatabaseUser(db, 1);
      const nobody: DatabaseUser = { ...user, userId: newMemoryId() as unknown as DatabaseUser['userId'] };
      const node = createAppendNode(db);
      const ops = [op(newMemoryId(), creation('x'))];
      const write: WriteRequest = { ...serverWrite(nobody), alsoWrite: async () => {} };
      const results = await Promise.all([
        node.submit(push(nobody, 1, 1, 0, ops)),
        node.submit(push(user, 1, 1, 0, ops)),
        node.submit(write),
      ]);
      expect(results.map((result) => result.kind)).toEqual(['unknown_user', 'pushed', 'unknown_user']);
    });

    it('[LOG-7] writes that come together are decided one by one, each on what those before it left', async () => {
      const db = at();
      const user = await createDatabaseUser(db, 1);
      const { actor } = serverWrite(user);
      const [known, fresh, refused] = [newMemoryId(), newMemoryId(), newMemoryId()];
      accepted(await createAppendNode(db).submit(push(user, 1, 1, 0, [op(known, creation('before'))])));
      const met: unknown[] = [];
      const write = (memoryId: MemoryId, content: string, then?: string): WritesRequest['writes'][number] => ({
        memoryId,
        expectNew: true,
        decide(state) {
          met.push([content, state === null ? null : fieldsOf(state).content]);
          if (then !== undefined) return { refuse: then };
          return {
            write: state === null ? { writes: creation(content), createdAt: 1 } : { writes: setting('content', content) },
          };
        },
      });
      const writes = [write(fresh, 'one'), write(refused, 'none', 'older'), write(fresh, 'two'), write(known, 'after')];
      const result = await createAppendNode(db).submit({ kind: 'writes', userId: user.userId, actor, writes });
      expect(result).toMatchObject({
        kind: 'decided',
        results: [
          { kind: 'written', event: { kind: 'create', memoryId: fresh } },
          { kind: 'refused', event: null, refusal: { code: 'older' } },
          { kind: 'written', event: { kind: 'update', memoryId: fresh } },
          { kind: 'written', event: { kind: 'update', memoryId: known } },
        ],
      });
      // The last time under the lock: that `known` is there was found out when it was written.
      expect(met.slice(-4)).toEqual([
        ['one', null],
        ['none', null],
        ['two', 'one'],
        ['after', 'before'],
      ]);
      const rows = await rowsOf<{ id: string; content: string }>(db, 'memories', user, 'content');
      expect(rows.map(({ id, content }) => [id, content])).toEqual([
        [known, 'after'],
        [fresh, 'two'],
      ]);
    });

    for (const [way, count] of [
      ['small', 1],
      ['large', 200],
    ] as const) {
      it(`[SEC-2] a request that the database refuses takes no other with it, the ${way} way`, async () => {
        const db = at();
        const [user, other] = [await createDatabaseUser(db, 2), await createDatabaseUser(db, 1)];
        const node = createAppendNode(db);
        const poison = newMemoryId();
        await db.script(`create or replace function refuse_${way}() returns trigger language plpgsql as $$
          begin if new.id = '${poison}' then raise exception 'poison'; end if; return new; end $$;
          create or replace trigger refuse_${way} before insert on memories for each row execute function refuse_${way}();`);
        const good = () => Array.from({ length: count }, () => op(newMemoryId(), creation('good')));
        const results = await Promise.allSettled([
          node.submit(push(other, 1, 1, 0, good())),
          node.submit(push(user, 1, 1, 0, [op(poison, creation('poison')), ...good()])),
          node.submit(push(user, 2, 1, 0, good())),
          node.submit({
            ...serverWrite(user),
            decide: () => {
              throw new Error('a bug');
            },
          }),
          node.submit(serverWrite(user)),
        ]);
        expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled']);
        expect(await node.submit(push(user, 1, 1, 0, good()))).toMatchObject({ kind: 'pushed', acked: count });
        for (const one of [user, other]) expect(await verifyLog(db, one.userId)).toMatchObject({ verified: true });
        await db.script(`drop trigger refuse_${way} on memories`);
        expect((await eventsOf(db, user)).length).toBe(2 * count + 1);
      });
    }

    it('[LOG-6] what a write does beside its event is undone with it', async () => {
      const db = at();
      const user = await createDatabaseUser(db, 1);
      const node = createAppendNode(db);
      const alsoWrite = () => Promise.reject(new Error('no'));
      const results = await Promise.allSettled([
        node.submit({ ...serverWrite(user), alsoWrite }),
        node.submit(serverWrite(user)),
      ]);
      expect(results.map((result) => result.status)).toEqual(['rejected', 'fulfilled']);
      expect(await eventsOf(db, user)).toHaveLength(1);
    });

    it('[LOG-2] planned ahead: an op that comes again while it is being written is answered as a replay of what was written', async () => {
      const db = at();
      const user = await createDatabaseUser(db, 1);
      const node = createAppendNode(db, {
        limits: { groupOps: 1, userOps: 1, queuedOps: 1_000, queuedUserOps: 1_000, planAheadOps: 0 },
      });
      const requests = Array.from({ length: 30 }, (_, i) =>
        push(user, 1, 1 + (i >> 1), 0, [op(newMemoryId(), creation(`${i}`))]),
      );
      const results = await Promise.all(requests.map((request) => node.submit(request)));
      expect(results.map((result) => accepted(result).replayed === null)).toEqual(requests.map((_, i) => i % 2 === 0));
      expect(await eventsOf(db, user)).toHaveLength(15);
      expect(await verifyLog(db, user.userId)).toMatchObject({ verified: true });
    });
  });
}

/** A write of the server's own replica that creates a memory. */
function serverWrite(user: DatabaseUser): WriteRequest {
  const [actor] = user.devices;
  if (actor === undefined) throw new RangeError('a user without devices');
  return {
    kind: 'write',
    userId: user.userId,
    actor,
    memoryId: newMemoryId(),
    decide: () => ({ write: { writes: creation('by the server') } }),
  };
}
