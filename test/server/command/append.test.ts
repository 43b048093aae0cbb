/** The one write path on a real database: several append instances on it are several nodes. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { UserId } from '../../../src/core/ids.ts';
import { compareClocks } from '../../../src/core/vector-clock.ts';
import { packDelta, unpackServerFrame } from '../../../src/protocol/binary-codec.ts';
import { bytesToMeta } from '../../../src/server/log/log-bytes.ts';
import { verifyLog } from '../../../src/server/log/verify.ts';
import { readDelta } from '../../../src/server/read/read-delta.ts';
import { createAppendNode, createDatabaseUser, creation, newMemoryId, op, push, setting } from '../../support/append.ts';
import { describeOnEachEngine, type TestDatabase } from '../../support/databases.ts';

interface DotRow {
  seq: number;
  device: number;
  counter: number;
  meta: Buffer;
}

describeOnEachEngine('append', (open) => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await open();
  });
  afterAll(async () => database[Symbol.asyncDispose]());

  const dotsOf = (userId: UserId) =>
    database.db.query<DotRow>('select seq, device, counter, meta from events where user_id = $1 order by seq', [userId]);
  const rowsOf = (table: 'events' | 'memories' | 'user_heads', userId: UserId) =>
    database.db.query<Record<string, unknown>>(`select * from ${table} where user_id = $1 order by 2`, [userId]);

  it('[LOG-1] concurrent writers on several nodes leave no gap, and every head is the next event’s', async () => {
    const user = await createDatabaseUser(database.db, 4);
    const nodes = [1, 2, 3].map(() => createAppendNode(database.db));
    const id = newMemoryId();
    await nodes[0]?.submit(push(user, 1, 1, 0, [op(id, creation('start'))]));
    const write = async (device: number): Promise<void> => {
      for (let i = 0; i < 25; i++) {
        const counter = device === 1 ? i + 2 : i + 1;
        const ops = [op(i % 3 === 0 ? id : newMemoryId(), creation(`${device} ${i}`))];
        await nodes[(device + i) % nodes.length]?.submit(push(user, device, counter, 1, ops));
      }
    };
    await Promise.all([1, 2, 3, 4].map(write));
    expect((await dotsOf(user.userId)).map((row) => row.seq)).toEqual(Array.from({ length: 101 }, (_, index) => index + 1));
    expect(await verifyLog(database.db, user.userId)).toMatchObject({ verified: true, events: 101, head: 101 });
  });

  it('[LOG-2] the same op at the same moment through two nodes is one event; a gap writes nothing', async () => {
    const user = await createDatabaseUser(database.db);
    const [one, other] = [createAppendNode(database.db), createAppendNode(database.db)];
    for (let counter = 1; counter <= 20; counter++) {
      const request = push(user, 1, counter, 0, [op(newMemoryId(), creation(`${counter}`))]);
      const answers = await Promise.all([one.submit(request), other.submit(request)]);
      expect(answers.map((answer) => answer.kind === 'pushed' && answer.acked)).toEqual([counter, counter]);
    }
    expect((await dotsOf(user.userId)).map((row) => row.counter)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    const gap = await one.submit(push(user, 1, 30, 0, [op(newMemoryId(), creation('too far'))]));
    expect(gap).toEqual({ kind: 'counter_gap', expected: 21 });
    const ahead = await one.submit(push(user, 1, 21, 99, [op(newMemoryId(), creation('too far'))]));
    expect(ahead).toEqual({ kind: 'cursor_ahead', head: 20 });
    expect(await dotsOf(user.userId)).toHaveLength(20);
  });

  it.each([1, 40, 400])('[LOG-5] every event carries heads(base) joined with its dot, in groups of %i ops', async (size) => {
    const user = await createDatabaseUser(database.db, 3);
    const nodes = [createAppendNode(database.db), createAppendNode(database.db)];
    const next = [0, 1, 1, 1];
    const rounds = size === 1 ? 40 : 6;
    for (let round = 0; round < rounds; round++) {
      const head = (await dotsOf(user.userId)).length;
      await Promise.all(
        [1, 2, 3].map(async (device) => {
          const base = Math.max(0, head - ((round * 7 + device * 3) % (head + 1)));
          const first = next[device] ?? 1;
          next[device] = first + size;
          const ops = Array.from({ length: size }, (_, index) => op(newMemoryId(), creation(`${round} ${index}`)));
          await nodes[round % 2]?.submit(push(user, device, first, base, ops));
        }),
      );
    }
    const rows = await dotsOf(user.userId);
    const headsAt: Map<number, number>[] = [new Map()];
    for (const row of rows) headsAt.push(new Map(headsAt.at(-1)).set(row.device, row.counter));
    for (const row of rows) {
      const { base, clock } = bytesToMeta(row.meta);
      const expected = new Map(headsAt[base]).set(row.device, row.counter);
      expect([row.seq, compareClocks(clock, expected)]).toEqual([row.seq, 'equal']);
    }
  });

  it('[LOG-6] single events, small groups and large ones, by COPY, leave the same rows', async () => {
    const ops = Array.from({ length: 300 }, (_, index) =>
      op(
        newMemoryId(),
        creation(`Grüße, 世界 "${index}" \\ {x,y}`, [
          { register: 'tags/a "b" \\ {c}', value: true },
          { register: 'tags/NULL', value: true },
          { register: 'confidence', value: index / 300 },
          { register: 'source', value: index % 2 === 0 ? { url: 'https://example.org/a?b=c', platform: 'chat' } : null },
        ]),
        1_764_000_000_000 + index,
      ),
    );
    const edits = ops
      .slice(0, 200)
      .map((each, index) => op(each.memoryId, setting('content', `edited ${index}`), 1_764_000_100_000));
    const bySize = async (size: number) => {
      const user = await createDatabaseUser(database.db);
      const node = createAppendNode(database.db, { now: () => 1_764_000_200_000 });
      const all = [...ops, ...edits];
      for (let at = 0; at < all.length; at += size) await node.submit(push(user, 1, at + 1, 0, all.slice(at, at + size)));
      const drop = ['user_id', 'salt', 'hash'];
      const without = (row: Record<string, unknown>) =>
        Object.fromEntries(Object.entries(row).filter(([name]) => !drop.includes(name)));
      expect(await verifyLog(database.db, user.userId)).toMatchObject({ verified: true });
      return {
        events: (await rowsOf('events', user.userId)).map(without),
        memories: (await rowsOf('memories', user.userId)).map(without),
      };
    };
    const [large, small, single] = [await bySize(500), await bySize(20), await bySize(1)];
    expect(large).toEqual(small);
    expect(single).toEqual(small);
  });

  it('[LOG-6] a wrong guess that a memory is new costs a second try and loses nothing, in small groups and large', async () => {
    for (const size of [1, 200]) {
      const user = await createDatabaseUser(database.db, 2);
      const ids = Array.from({ length: size }, newMemoryId);
      await createAppendNode(database.db).submit(
        push(
          user,
          1,
          1,
          0,
          ids.map((id) => op(id, creation('first'), 1_000)),
        ),
      );
      const second = createAppendNode(database.db);
      await second.submit(
        push(
          user,
          2,
          1,
          0,
          ids.map((id) => op(id, creation('second'), 2_000)),
        ),
      );
      const rows = await rowsOf('memories', user.userId);
      expect(rows.map((row) => [row['content'], row['open_conflicts']])).toEqual(ids.map(() => ['second', 1]));
      expect(await verifyLog(database.db, user.userId)).toMatchObject({ verified: true, events: 2 * size });
    }
  });

  it('[LOG-1] what was planned on a head that a restore replaced by another of the same seq is planned again', async () => {
    for (const size of [1, 20, 200]) {
      const user = await createDatabaseUser(database.db);
      const some = (content: string) => Array.from({ length: size }, () => op(newMemoryId(), creation(content)));
      const [empty] = await rowsOf('user_heads', user.userId);
      const before = createAppendNode(database.db);
      await before.submit(push(user, 1, 1, 0, some('lost')));
      for (const table of ['events', 'memories'])
        await database.db.query(`delete from ${table} where user_id = $1::uuid`, [user.userId]);
      await database.db.query(
        'update user_heads set seq = 0, hash = $2::bytea, clock = $3::bytea, state_hash = $4::bytea, live = 0 where user_id = $1::uuid',
        [user.userId, empty?.['hash'], empty?.['clock'], empty?.['state_hash']],
      );
      await createAppendNode(database.db).submit(push(user, 1, 1, 0, some('kept')));
      expect(await before.submit(push(user, 1, size + 1, 0, some('next')))).toMatchObject({ kind: 'pushed', head: 2 * size });
      expect(await verifyLog(database.db, user.userId)).toMatchObject({ verified: true, events: 2 * size });
    }
  });

  it('[LOG-1] requests that wait together are planned ahead, and one user’s failure is not another’s', async () => {
    const [user, stranger] = [
      await createDatabaseUser(database.db),
      { ...(await createDatabaseUser(database.db)), userId: newMemoryId() as unknown as UserId },
    ];
    const node = createAppendNode(database.db, {
      limits: { groupOps: 50, userOps: 50, queuedOps: 50_000, queuedUserOps: 50_000, planAheadOps: 1 },
    });
    const frames = Array.from({ length: 40 }, (_, index) =>
      push(
        user,
        1,
        index * 20 + 1,
        0,
        Array.from({ length: 20 }, (_each, at) => op(newMemoryId(), creation(`${index} ${at}`))),
      ),
    );
    const answers = await Promise.all([
      ...frames.map((frame) => node.submit(frame)),
      node.submit(push(stranger, 1, 1, 0, [op(newMemoryId(), creation('x'))])),
    ]);
    expect(answers.at(-1)).toEqual({ kind: 'unknown_user' });
    expect(answers.slice(0, -1).every((answer) => answer.kind === 'pushed')).toBe(true);
    expect(await verifyLog(database.db, user.userId)).toMatchObject({ verified: true, events: 800 });
  });

  it('[LOG-1] somebody who brings in very much gets a share of each group, in order, and others come in between', async () => {
    const [many, one] = [await createDatabaseUser(database.db), await createDatabaseUser(database.db)];
    const limits = { groupOps: 100, userOps: 10, queuedOps: 50_000, queuedUserOps: 50_000, planAheadOps: 1_000 };
    const node = createAppendNode(database.db, { limits });
    const counters = Array.from({ length: 60 }, (_, index) => index + 1);
    const answers = await Promise.all([
      ...counters.map((counter) => node.submit(push(many, 1, counter, 0, [op(newMemoryId(), creation(`${counter}`))]))),
      node.submit(push(one, 1, 1, 0, [op(newMemoryId(), creation('x'))])),
    ]);
    expect(answers.every(({ kind }) => kind === 'pushed')).toBe(true);
    expect((await dotsOf(many.userId)).map((row) => row.counter)).toEqual(counters);
    // Of one group both, in whichever order: where a statement is about one user they are written side by side.
    const firstGroup = node.committed.slice(0, 2).map(({ after, events }) => [after.userId, events.length]);
    expect(firstGroup).toEqual(
      expect.arrayContaining([
        [many.userId, 10],
        [one.userId, 1],
      ]),
    );
  });

  it('[SYN-7] what nodes announce is the log itself, in order and without a gap', async () => {
    const user = await createDatabaseUser(database.db, 2);
    const node = createAppendNode(database.db);
    await Promise.all(
      [1, 2].map(async (device) => {
        for (let i = 1; i <= 10; i++)
          await node.submit(push(user, device, i, 0, [op(newMemoryId(), creation(`${device} ${i}`))]));
      }),
    );
    let head = 0;
    for (const plan of node.committed) {
      expect(plan.before.seq).toBe(head);
      head = plan.after.seq;
    }
    expect(head).toBe(20);
  });

  it('[SYN-4] a delta is the log in order, whoever wrote it, and makes progress past any size', async () => {
    const user = await createDatabaseUser(database.db, 3);
    const node = createAppendNode(database.db);
    for (let i = 1; i <= 20; i++)
      for (const device of [3, 1, 2]) {
        await node.submit(push(user, device, i, 0, [op(newMemoryId(), creation(`${device} ${i} ${'x'.repeat(i * 50)}`))]));
      }
    let from = 0;
    const seen: string[] = [];
    while (from < 60) {
      const page = await readDelta(database.db, { userId: user.userId, from, device: 1, maxBytes: 400 });
      if (page === null) throw new Error('no page');
      expect(page.to).toBeGreaterThan(from);
      const frame = unpackServerFrame(packDelta({ from, head: page.head }, page));
      if (frame.type === 'DELTA') seen.push(...frame.events.map(({ seq, device, counter }) => `${seq} ${device} ${counter}`));
      from = page.to;
    }
    const expected = (await dotsOf(user.userId)).map((row) => `${row.seq} ${user.devices[row.device - 1]?.id} ${row.counter}`);
    expect(seen).toEqual(expected);
  });

  it('[SEC-3] what waits is bounded: more is refused as overloaded, and nothing of it is written', async () => {
    const user = await createDatabaseUser(database.db);
    const node = createAppendNode(database.db, {
      limits: { groupOps: 10, userOps: 10, queuedOps: 30, queuedUserOps: 30, planAheadOps: 1_000 },
    });
    const frames = Array.from({ length: 6 }, (_, index) =>
      push(
        user,
        1,
        index * 10 + 1,
        0,
        Array.from({ length: 10 }, () => op(newMemoryId(), creation('x'))),
      ),
    );
    const answers = await Promise.allSettled(frames.map((frame) => node.submit(frame)));
    const refused = answers.filter((answer) => answer.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) expect(answer.reason).toMatchObject({ code: 'overloaded' });
    const accepted = (answers.length - refused.length) * 10;
    expect(await dotsOf(user.userId)).toHaveLength(accepted);
  });

  it('[SEC-16] what one user has waiting is bounded for that user alone: others are taken meanwhile, and told when to come again', async () => {
    const [many, one] = [await createDatabaseUser(database.db), await createDatabaseUser(database.db)];
    const limits = { groupOps: 10, userOps: 5, queuedOps: 1_000, queuedUserOps: 20, planAheadOps: 1_000 };
    const node = createAppendNode(database.db, { limits });
    const counters = Array.from({ length: 40 }, (_, index) => index + 1);
    const flood = counters.map((counter) => node.submit(push(many, 1, counter, 0, [op(newMemoryId(), creation(`${counter}`))])));
    const others = [1, 2, 3].map((counter) => node.submit(push(one, 1, counter, 0, [op(newMemoryId(), creation('x'))])));
    const answers = await Promise.allSettled(flood);
    expect(answers.map(({ status }) => status)).toEqual(counters.map((counter) => (counter <= 20 ? 'fulfilled' : 'rejected')));
    for (const answer of answers.slice(20)) {
      expect(answer).toMatchObject({ reason: { code: 'overloaded', members: { retryAfterSeconds: expect.any(Number) } } });
    }
    expect((await Promise.all(others)).map(({ kind }) => kind)).toEqual(['pushed', 'pushed', 'pushed']);
    expect([await dotsOf(many.userId), await dotsOf(one.userId)].map(({ length }) => length)).toEqual([20, 3]);
    // Once there is room the same user is taken again.
    await node.room();
    expect(await node.submit(push(many, 1, 21, 0, [op(newMemoryId(), creation('21'))]))).toMatchObject({
      kind: 'pushed',
      acked: 21,
    });
  });
});
