/** Tombstones that nobody can miss any more, in a store. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogEvent } from '../../../src/core/event.ts';
import { type DeviceId, type MemoryId, nilMemoryId, type UserId } from '../../../src/core/ids.ts';
import { stateHashToString } from '../../../src/core/state-hash.ts';
import { wireLimits } from '../../../src/protocol/limits.ts';
import type { AppendResult } from '../../../src/server/command/append-request.ts';
import { type Collection, createCollector } from '../../../src/server/command/collector.ts';
import { createMemoryCommands } from '../../../src/server/command/memory-commands.ts';
import type { Database } from '../../../src/server/infra/database.ts';
import { readHead } from '../../../src/server/log/head.ts';
import { readLog, recordToEvent } from '../../../src/server/log/read-events.ts';
import { verifyLog } from '../../../src/server/log/verify.ts';
import { rebuildProjections } from '../../../src/server/project/rebuild.ts';
import { Replica } from '../../../src/sync/replica.ts';
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
import { describeOnEachEngine, type TestDatabase } from '../../support/databases.ts';

const day = 86_400_000;
const options = { tombstoneMs: 30 * day, deviceExpiryMs: 90 * day };

describeOnEachEngine('collecting', (open) => {
  let place: TestDatabase;
  beforeAll(async () => {
    place = await open();
  });
  afterAll(() => place?.[Symbol.asyncDispose]());

  /** A user with two devices in the days of the past, and what keeps time. */
  async function begin(deviceCount = 2) {
    const { db } = place;
    const user = await createDatabaseUser(db, deviceCount);
    const clock = { now: Date.now() - 100 * day };
    const node = createAppendNode(db, { now: () => clock.now });
    const counters = new Map<number, number>();
    const write = async (device: number, base: number, ...ops: Parameters<typeof op>[]): Promise<AppendResult> => {
      const first = (counters.get(device) ?? 0) + 1;
      counters.set(device, first + ops.length - 1);
      return await node.submit(
        push(
          user,
          device,
          first,
          base,
          ops.map((args) => op(...args)),
        ),
      );
    };
    const confirm = (device: number, cursor: number, seenAt = clock.now): Promise<unknown> =>
      db.query(
        'update devices set cursor = $3::bigint, last_seen_at = $4::timestamptz where user_id = $1::uuid and ordinal = $2::int',
        [user.userId, device, cursor, new Date(seenAt)],
      );
    const collected: Collection[] = [];
    const errors: unknown[] = [];
    const collector = createCollector(
      {
        db,
        append: node,
        now: () => clock.now,
        onCollected: (done) => collected.push(done),
        onError: (error) => errors.push(error),
      },
      options,
    );
    return { db, user, clock, node, write, confirm, collector, collected, errors };
  }

  const idsOf = async (db: Database, { userId }: DatabaseUser, table: 'memories' | 'conflicts' = 'memories') =>
    (await db.query<{ id: MemoryId }>(`select id from ${table} where user_id = $1::uuid order by id`, [userId])).map(
      ({ id }) => id,
    );

  const eventsOf = async (db: Database, { userId }: DatabaseUser) => {
    const head = await readHead(db, userId);
    const events: LogEvent[] = [];
    for await (const page of readLog(db, userId, head?.seq ?? 0))
      events.push(...page.map((record) => recordToEvent(record, head?.deviceByOrdinal ?? new Map())));
    return events;
  };

  const deviceOf = ({ devices: [first] }: DatabaseUser) => {
    if (first === undefined) throw new Error('no device');
    return first;
  };

  /** LOG-4, LOG-6: the chain holds, and a rebuild and a device that reads the log find the same rows. */
  async function expectSound(db: Database, user: DatabaseUser): Promise<void> {
    expect(await verifyLog(db, user.userId)).toMatchObject({ verified: true });
    expect(await rebuildProjections(db, { userId: user.userId })).toMatchObject({ users: 1, differing: 0 });
    const events = await eventsOf(db, user);
    const replica = new Replica(randomUUID() as DeviceId);
    replica.apply({ type: 'DELTA', from: 0, to: events.length, head: events.length, events }, Date.now());
    expect([...replica.rows.keys()].sort()).toEqual(await idsOf(db, user));
    const head = await readHead(db, user.userId);
    expect(replica.stateHash).toBe(stateHashToString(head?.stateHash ?? { high: 0, low: 0 }));
  }

  describe('waits', () => {
    it('[SYN-12] for an age, counted from the last event', async () => {
      const { db, user, clock, write, collector } = await begin();
      const id = newMemoryId();
      await write(1, 0, [id, creation('x')], [id, setting('deleted', true)]);
      clock.now += 29 * day;
      await write(1, 2, [id, setting('content', 'y')]);
      clock.now += 2 * day;
      expect(await collector.collect(user.userId)).toEqual({ events: 0, memories: 0 });
      clock.now += 28 * day;
      expect(await collector.collect(user.userId)).toEqual({ events: 0, memories: 0 });
      clock.now += 1;
      expect(await collector.collect(user.userId)).toEqual({ events: 1, memories: 1 });
      expect(await idsOf(db, user)).toEqual([]);
      await expectSound(db, user);
    });

    it('[SYN-12] for every device that is alive and holds something', async () => {
      const { db, user, clock, write, confirm, collector } = await begin(4);
      const [a, b] = [newMemoryId(), newMemoryId()];
      await write(1, 0, [a, creation('a')], [b, creation('b')], [a, setting('deleted', true)], [b, setting('deleted', true)]);
      clock.now += 31 * day;
      await confirm(1, 4);
      await confirm(2, 3);
      // Not seen for too long, revoked, or never confirmed anything: these hold back nobody.
      await confirm(3, 1, clock.now - 91 * day);
      await confirm(4, 1);
      await db.query('update devices set revoked_at = now() where user_id = $1::uuid and ordinal = 4', [user.userId]);
      await confirm(1, 0);
      expect(await collector.collect(user.userId)).toEqual({ events: 1, memories: 1 });
      expect(await idsOf(db, user)).toEqual([b]);
      expect(await readHead(db, user.userId)).toMatchObject({ floor: 3 });
      await confirm(2, 4);
      expect(await collector.collect(user.userId)).toEqual({ events: 1, memories: 1 });
      expect(await readHead(db, user.userId)).toMatchObject({ floor: 4, seq: 6 });
      await expectSound(db, user);
    });

    it('[SYN-12] for ever with what lives, was erased, or may be wanted back', async () => {
      const { db, user, clock, node, write, collector } = await begin();
      const [live, erased, contested, gone] = [newMemoryId(), newMemoryId(), newMemoryId(), newMemoryId()];
      for (const id of [live, erased, contested, gone]) await write(1, 0, [id, creation('x')]);
      const commands = createMemoryCommands({ db, append: node, newId: newMemoryId });
      const writer = { userId: user.userId, device: deviceOf(user) };
      expect(await commands.erase(writer, erased, 'any')).toMatchObject({ ok: true });
      await write(1, 5, [contested, setting('deleted', true)], [gone, setting('deleted', true)]);
      await write(2, 5, [contested, setting('content', 'an edit that did not know')]);
      clock.now += 31 * day;
      expect(await collector.collect(user.userId)).toEqual({ events: 1, memories: 1 });
      expect(await idsOf(db, user)).toEqual([live, erased, contested].sort());
      // Somebody who knows of both decides: then it may go, and the resolved conflict with it.
      const head = await readHead(db, user.userId);
      await write(1, head?.seq ?? 0, [contested, setting('deleted', true)]);
      expect(await idsOf(db, user, 'conflicts')).toHaveLength(1);
      clock.now += 31 * day;
      expect(await collector.collect(user.userId)).toEqual({ events: 1, memories: 1 });
      expect(await idsOf(db, user)).toEqual([live, erased].sort());
      expect(await idsOf(db, user, 'conflicts')).toEqual([]);
      expect(await write(2, 1, [erased, creation('again')])).toMatchObject({ kind: 'pushed' });
      expect((await eventsOf(db, user)).at(-1)).toMatchObject({ outcome: 'rejected', code: 'erased_memory' });
      await expectSound(db, user);
    });
  });

  it('[SYN-12] [SEC-3] takes a thousand an event', async () => {
    const { db, user, clock, write, collector, collected } = await begin();
    const count = wireLimits.collectIds + 1;
    const ids = Array.from({ length: count }, newMemoryId);
    await write(1, 0, ...ids.map((id): Parameters<typeof op> => [id, creation('x')]));
    await write(1, count, ...ids.map((id): Parameters<typeof op> => [id, setting('deleted', true)]));
    clock.now += 31 * day;
    expect(await collector.collect(user.userId)).toEqual({ events: 2, memories: count });
    expect(collected).toEqual([{ events: 2, memories: count }]);
    const events = (await eventsOf(db, user)).slice(-2);
    expect(events.map((event) => event.collected?.ids.length)).toEqual([wireLimits.collectIds, 1]);
    await expectSound(db, user);
  });

  it('[SYN-12] [MRG-5] an op on what is gone is rejected, unless it makes the memory anew', async () => {
    const { db, user, clock, write, collector } = await begin();
    const id = newMemoryId();
    await write(1, 0, [id, creation('old')], [id, setting('deleted', true)]);
    clock.now += 31 * day;
    await collector.collect(user.userId);
    await write(2, 1, [id, setting('content', 'late')], [id, setting('deleted', false)], [id, creation('new')]);
    const outcomes = (await eventsOf(db, user)).slice(-3).map(({ kind, code }) => code ?? kind);
    expect(outcomes).toEqual(['unknown_memory', 'unknown_memory', 'create']);
    expect(await db.query('select seq, content, deleted from memories where user_id = $1::uuid', [user.userId])).toEqual([
      { seq: 6, content: 'new', deleted: false },
    ]);
    await expectSound(db, user);
  });

  it('[LOG-7] goes through the same path as every write: beside pushes of the same moment, and other nodes', async () => {
    const { db, user, clock, node, write } = await begin();
    const other: AppendNode = createAppendNode(db, { now: () => clock.now });
    const [id, kept] = [newMemoryId(), newMemoryId()];
    await write(1, 0, [id, creation('x')], [kept, creation('k')], [id, setting('deleted', true)]);
    // The other node knows the head and the tombstone from its own writes.
    await other.submit(push(user, 2, 1, 3, [op(id, setting('tags/seen', true))]));
    clock.now += 31 * day;
    const request = { kind: 'collect', userId: user.userId, deletedBefore: clock.now - 30 * day, seenAfter: 0 } as const;
    const results = await Promise.all([
      node.submit(push(user, 1, 4, 4, [op(kept, setting('content', 'before'))])),
      node.submit(request),
      node.submit(push(user, 1, 5, 4, [op(id, setting('content', 'into the void'))])),
      node.submit(request),
      node.submit(push(user, 1, 6, 4, [op(id, creation('anew'))])),
    ]);
    expect(results.map((result) => result.kind)).toEqual(['pushed', 'collected', 'pushed', 'collected', 'pushed']);
    expect(results[1]).toMatchObject({ count: 1, more: false });
    expect(results[3]).toMatchObject({ count: 0 });
    await other.submit(push(user, 2, 2, 4, [op(id, setting('content', 'of the other node'))]));
    expect((await eventsOf(db, user)).slice(-4).map(({ kind, code }) => code ?? kind)).toEqual([
      'collect',
      'unknown_memory',
      'create',
      'update',
    ]);
    expect(node.committed.map((plan) => plan.after.floor)).toContain(4);
    expect(await idsOf(db, user)).toEqual([id, kept].sort());
    await expectSound(db, user);
  });

  it('[LOG-3] what was collected can still be erased, and so can its former life under an id that is used again', async () => {
    const { db, user, clock, node, write, collector } = await begin();
    const [gone, again] = [newMemoryId(), newMemoryId()];
    await write(1, 0, [gone, creation('SECRET')], [again, creation('SECRET')]);
    await write(1, 2, [gone, setting('deleted', true)], [again, setting('deleted', true)]);
    clock.now += 31 * day;
    await collector.collect(user.userId);
    await write(1, 5, [again, creation('SECRET too')]);
    const commands = createMemoryCommands({ db, append: node, newId: newMemoryId });
    const writer = { userId: user.userId, device: deviceOf(user) };
    expect(await commands.erase(writer, gone, [3])).toMatchObject({ ok: false, error: { code: 'changed_meanwhile' } });
    for (const id of [gone, again]) expect(await commands.erase(writer, id, 'any')).toMatchObject({ ok: true });
    expect(await commands.erase(writer, newMemoryId(), 'any')).toMatchObject({ ok: false, error: { code: 'unknown_memory' } });
    const left = `select seq from events where user_id = $1::uuid and position(convert_to('SECRET', 'UTF8') in wire) > 0`;
    expect(await db.query(left, [user.userId])).toEqual([]);
    expect(await idsOf(db, user)).toEqual([gone, again].sort());
    await expectSound(db, user);
  });

  it('[LOG-3] erasing the memory with the nil id, whether there is one or not, blanks no collection', async () => {
    const { db, user, clock, node, write, collector } = await begin();
    const commands = createMemoryCommands({ db, append: node, newId: newMemoryId });
    const writer = { userId: user.userId, device: deviceOf(user) };
    for (const base of [0, 3]) {
      const id = newMemoryId();
      await write(1, base, [id, creation('x')], [id, setting('deleted', true)]);
      clock.now += 31 * day;
      await collector.collect(user.userId);
    }
    expect(await commands.erase(writer, nilMemoryId, 'any')).toMatchObject({ ok: false, error: { code: 'unknown_memory' } });
    await write(1, 6, [nilMemoryId, creation('SECRET')]);
    expect(await commands.erase(writer, nilMemoryId, 'any')).toMatchObject({ ok: true });
    expect((await eventsOf(db, user)).filter(({ kind }) => kind === 'collect').map(({ collected }) => collected?.floor)).toEqual([
      2, 5,
    ]);
    await expectSound(db, user);
  });

  describe('tampering shows', () => {
    it.each([
      ['the floor', 'update user_heads set floor = 1 where user_id = $1::uuid', 'another floor'],
      [
        'the state hash',
        "update user_heads set state_hash = '\\x0000000000000001'::bytea where user_id = $1::uuid",
        'state hash',
      ],
    ])('[LOG-4] in %s', async (_, change, reason) => {
      const { db, user, clock, write, collector } = await begin();
      const id = newMemoryId();
      await write(1, 0, [id, creation('x')], [id, setting('deleted', true)]);
      clock.now += 31 * day;
      await collector.collect(user.userId);
      await db.query(change, [user.userId]);
      expect(await verifyLog(db, user.userId)).toMatchObject({ verified: false, reason: expect.stringContaining(reason) });
    });

    it('[LOG-6] in a row that was put back', async () => {
      const { db, user, clock, write, collector } = await begin();
      const id = newMemoryId();
      await write(1, 0, [id, creation('x')], [id, setting('deleted', true)]);
      clock.now += 31 * day;
      await collector.collect(user.userId);
      await db.query(
        `insert into memories (user_id, id, seq, deleted, erased, open_conflicts, created_ms, updated_ms, type, scope, content, tags, stamps)
          values ($1::uuid, $2::uuid, 2, true, false, 0, 0, 0, 'fact', 'site', 'x', '{}', '\\x90'::bytea)`,
        [user.userId, id],
      );
      expect(await rebuildProjections(db, { userId: user.userId, swap: true })).toMatchObject({ differing: 1, swapped: 1 });
      expect(await idsOf(db, user)).toEqual([]);
    });
  });

  describe('soon', () => {
    it('[SYN-12] is once a day for a user, and again after a failure', async () => {
      const { db, user, clock, write, collector, collected } = await begin();
      const remove = async (base: number): Promise<void> => {
        const id = newMemoryId();
        await write(1, base, [id, creation('x')], [id, setting('deleted', true)]);
      };
      const settle = (): Promise<void> => collector.stop();
      await remove(0);
      clock.now += 31 * day;
      collector.soon(user.userId);
      await settle();
      expect(collected).toHaveLength(1);
      await remove(3);
      await db.query('update events set at_ms = 0 where user_id = $1::uuid', [user.userId]);
      collector.soon(user.userId);
      await settle();
      expect(collected).toHaveLength(1);
      clock.now += day;
      collector.soon(user.userId);
      await settle();
      expect(collected).toHaveLength(2);
    });

    it('[SYN-12] a failure is told, and the next session tries again', async () => {
      const { db, user, clock, write, node } = await begin();
      const id = newMemoryId();
      await write(1, 0, [id, creation('x')], [id, setting('deleted', true)]);
      clock.now += 31 * day;
      const told: unknown[] = [];
      let isAway = true;
      const append: Pick<AppendNode, 'submit'> = {
        submit: (request) => (isAway ? Promise.reject(new Error('away')) : node.submit(request)),
      };
      const collector = createCollector({ db, append, now: () => clock.now, onError: (error) => told.push(error) }, options);
      collector.soon(user.userId);
      await collector.stop();
      expect(told).toEqual([new Error('away')]);
      isAway = false;
      collector.soon(user.userId);
      await collector.stop();
      expect([told.length, await idsOf(db, user)]).toEqual([1, []]);
      // Of nobody it knows nothing, and nothing comes of it.
      collector.soon(randomUUID() as UserId);
      await collector.stop();
      expect(told).toHaveLength(1);
    });
  });
});
