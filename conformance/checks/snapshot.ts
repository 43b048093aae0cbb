/** SNAPSHOT: the memories as they stand, for a device that is new or far behind. */
import { randomUUID } from 'node:crypto';
import type { Epoch, MemoryId } from '../../src/core/ids.ts';
import type { Hello, Snapshot } from '../../src/protocol/frames.ts';
import { type Check, type CheckContext, check } from '../check.ts';
import type { Device } from '../device.ts';
import { expectEqual, expectSome, expectThat } from '../expect.ts';
import { expectSameMemories } from '../second-opinion/replica.ts';
import type { KitUser } from '../users.ts';
import { creation, newMemoryId, set } from '../writes.ts';
import { expectContiguous, snapshotFlag, writeTogether } from './delta.ts';

export const snapshotChecks: readonly Check[] = [
  check('[SYN-5] a device so far behind that the state is shorter gets SNAPSHOT, and then the DELTA from there', async (kit) => {
    const user = await kit.user();
    const { memoryId } = await outgrow(kit, user);
    const head = await kit.head(user);
    const reader = await kit.reader(user);
    expectThat(reader.snapshots.length > 0, 'a SNAPSHOT');
    expectEqual('at', [...new Set(reader.snapshots.map(({ at }) => at))], [head]);
    expectContiguous(reader.deltas, head);
    expectEqual('content', reader.replica.get(memoryId)?.content, 'the last edit');
  }),

  check('[SYN-5] flag 2 of HELLO asks for a SNAPSHOT even where a delta would be shorter', async (kit) => {
    const user = await kit.user();
    const writer = await kit.join(user);
    await writer.write(...[1, 2, 3].map((n) => ({ memoryId: newMemoryId(), writes: creation(`swept ${n}`) })));
    const reader = await readSnapshot(kit, user);
    expectThat(reader.snapshots.length > 0, 'a SNAPSHOT');
    expectEqual('at', reader.snapshots[0]?.at, writer.cursor);
  }),

  check(
    '[SYN-5] a snapshot holds every memory, newest id first; each page names the last id of it, the last one nil',
    async (kit) => {
      const user = await kit.user();
      const ids = await fill(kit, user, 700);
      const reader = await readSnapshot(kit, user);
      expectPages(reader.snapshots);
      expectThat(reader.snapshots.length > 1, 'more than one page for more than 700 memories');
      const got = new Set(reader.snapshots.flatMap(({ memories }) => memories.map(({ id }) => id)));
      expectEqual(
        'memories that are missing',
        ids.filter((id) => !got.has(id)),
        [],
      );
    },
  ),

  check('[SYN-5] a page holds at most 500 memories', async (kit) => {
    const user = await kit.user();
    await fill(kit, user, 600);
    const reader = await readSnapshot(kit, user);
    const sizes = reader.snapshots.map(({ memories }) => memories.length);
    expectThat(Math.max(...sizes) <= 500, 'at most 500 memories in a page', sizes);
  }),

  check('[SYN-5] a page of large memories is bounded by bytes', async (kit) => {
    const user = await kit.user();
    const writer = await kit.join(user);
    for (let push = 0; push < 2; push++) {
      const content = 'x'.repeat(10_000);
      await writer.write(...Array.from({ length: 40 }, () => ({ memoryId: newMemoryId(), writes: creation(content) })));
    }
    const reader = await readSnapshot(kit, user);
    const bytes = reader.snapshots.map(({ memories }) => memories.reduce((sum, { content }) => sum + content.length, 0));
    expectThat(Math.max(...bytes) <= 262_144, 'at most 262,144 bytes of content in a page', bytes);
    expectPages(reader.snapshots);
  }),

  check('[SYN-5] snapshot and tail give the same memories as every event, while others write', async (kit) => {
    const user = await kit.user();
    await fill(kit, user, 30);
    const byEvents = await kit.reader(user);
    const bySnapshot = kit.device(user, { flags: snapshotFlag });
    await Promise.all([bySnapshot.connect(), writeTogether(kit, user, { writers: 2, pushes: 10, ops: 2 })]);
    const head = await kit.head(user);
    await Promise.all([byEvents.reach(head), bySnapshot.reach(head)]);
    expectSameMemories('memories by snapshot and tail', bySnapshot.replica.all(), byEvents.replica.all());
  }),

  check('[SYN-6] the hash after a snapshot is that of the rows', async (kit) => {
    const user = await kit.user();
    await fill(kit, user, 20);
    const reader = await readSnapshot(kit, user);
    expectEqual(
      'hash',
      expectSome('a hash in the DELTA behind the snapshot', reader.deltas.at(-1)?.hash),
      reader.replica.stateHash(),
    );
  }),

  check('[SYN-5] deleted memories are in the snapshot, as deleted', async (kit) => {
    const user = await kit.user();
    const writer = await kit.join(user);
    const memoryId = newMemoryId();
    await writer.write({ memoryId, writes: creation('gone') });
    await writer.write({ memoryId, writes: [set('deleted', true)] });
    const reader = await readSnapshot(kit, user);
    const memory = expectSome('the deleted memory', reader.replica.get(memoryId));
    expectEqual('memory', [memory.deleted, memory.erased, memory.content, memory.seq], [true, false, 'gone', writer.cursor]);
  }),

  check('[LOG-3] an erased memory keeps nothing of what it said, in the snapshot and in the log', async (kit) => {
    const user = await kit.user();
    const writer = await kit.join(user);
    const from = writer.cursor;
    const memoryId = newMemoryId();
    await writer.write({ memoryId, writes: creation('a secret', set('tags/secret', true)) });
    await writer.write({ memoryId, writes: [set('content', 'another secret')] });
    await kit.http.expect(204, 'DELETE', `/memories/${memoryId}?erase=true`, { token: user.token });
    const reader = await readSnapshot(kit, user);
    const memory = expectSome('the erased memory', reader.replica.get(memoryId));
    expectEqual('row', [memory.deleted, memory.erased, memory.content, memory.tags], [true, true, '', []]);
    const log = kit.device(user);
    log.cursor = from;
    await log.connect();
    await log.catchUp();
    const kinds = [...log.events.values()].map(({ kind, change }) => [kind, change]);
    expectEqual('events', kinds, [
      ['create', null],
      ['update', null],
      ['erase', expectErase(kinds[2]?.[1])],
    ]);
    expectEqual('row by events', log.replica.get(memoryId)?.erased, true);
    const [late] = await writer.write({ memoryId, writes: [set('content', 'too late')] });
    expectEqual('verdict of an op on an erased memory', late?.code, 'erased_memory');
  }),

  check('[SYN-5] a memory in a snapshot is the one that HTTP shows, with its times', async (kit) => {
    const user = await kit.user();
    const writer = await kit.join(user);
    const memoryId = newMemoryId();
    const createdAt = Date.UTC(2020, 1, 2, 3, 4, 5, 678);
    const source = { url: 'https://example.org/', platform: 'a platform' };
    const more = [set('confidence', 0.5), set('source', source), set('tags/b', true), set('tags/a', true)];
    await writer.write({ memoryId, writes: creation('shown alike', ...more), createdAt });
    const reader = await readSnapshot(kit, user);
    const shown = await kit.http.expect<Record<string, unknown>>(200, 'GET', `/memories/${memoryId}`, { token: user.token });
    const {
      content,
      type,
      scope,
      confidence,
      tags,
      createdAt: created,
      updatedAt,
      seq,
      ...memory
    } = expectSome('the memory', reader.replica.get(memoryId));
    const times = { createdAt: new Date(created).toISOString(), updatedAt: new Date(updatedAt).toISOString() };
    const told = { content, type, scope, confidence, tags, seq, source: memory.source, ...times };
    expectEqual('memory', told, Object.fromEntries(Object.keys(told).map((key) => [key, shown[key]])));
    expectEqual('createdAt', created, createdAt);
  }),

  check('[SYN-5] createdAt is that of the first op, and never after the server took it', async (kit) => {
    const user = await kit.user();
    const writer = await kit.join(user);
    const [past, future] = [newMemoryId(), newMemoryId()];
    const [, event] = await writer.write(
      { memoryId: past, writes: creation('old'), createdAt: 1_000 },
      { memoryId: future, writes: creation('not yet'), createdAt: Date.UTC(2100, 0, 1) },
    );
    await writer.write({ memoryId: past, writes: [set('content', 'changed')], createdAt: 2_000 });
    const { replica } = await readSnapshot(kit, user);
    expectEqual(
      'createdAt',
      [past, future].map((id) => replica.get(id)?.createdAt),
      [1_000, event?.at],
    );
  }),

  check('[SYN-5] a snapshot that was cut goes on where it stopped, with the same at', async (kit) => {
    const user = await kit.user();
    await fill(kit, user, 1_100);
    const device = kit.device(user, { flags: snapshotFlag });
    await device.connect();
    await device.until(() => device.snapshots.length === 1, 'the first page');
    const [first] = device.snapshots;
    const { at, next: after } = expectSome('a page', first);
    device.cut();
    const writer = await kit.join(user);
    await writer.write({ memoryId: newMemoryId(), writes: creation('written between the pages') });
    await device.connect(resumeAt(at, expectSome('a page that is not the last', after)));
    await device.catchUp();
    expectPages(device.snapshots);
    expectEqual('at of the pages', [...new Set(device.snapshots.map((page) => page.at))], [at]);
    expectThat((device.deltas[0]?.from ?? at) === at, `the DELTA from ${at}`, device.deltas[0]?.from);
    expectEqual('hash', device.deltas.at(-1)?.hash, device.replica.stateHash());
  }),

  check('[SYN-5] a snapshot that cannot go on begins anew, with another at', async (kit) => {
    const user = await kit.user();
    const writer = await kit.join(user);
    await writer.write({ memoryId: newMemoryId(), writes: creation('one more') });
    const head = writer.cursor;
    const device = kit.device(user, { flags: snapshotFlag });
    await device.connect(resumeAt(head + 1_000, 'ffffffff-ffff-4fff-bfff-ffffffffffff' as MemoryId));
    await device.catchUp();
    expectEqual('at', device.snapshots[0]?.at, head);
    expectEqual('hash', device.deltas.at(-1)?.hash, device.replica.stateHash());
    device.cut();
    const peer = await device.open();
    peer.send(device.hello({ ...resumeAt(head, newMemoryId()), epoch: randomUUID() as Epoch }));
    expectEqual('answer to another epoch', (await peer.expect('RESET')).code, 'epoch_mismatch');
  }),

  check('[SYN-13] [SYN-5] a replay during a snapshot is told by its events as well, after it', async (kit) => {
    const user = await kit.user();
    await fill(kit, user, 1_100);
    const device = await kit.join(user);
    const from = device.cursor;
    const sent = device.push(...[1, 2].map((n) => ({ memoryId: newMemoryId(), writes: creation(`acked into the void ${n}`) })));
    await device.eventsOf(sent);
    device.cut();
    device.events.clear();
    device.cursor = 0;
    const peer = await device.open();
    peer.send(device.hello({ flags: snapshotFlag, cursor: 0, lastCounter: 2 }));
    device.sendOps(sent, from);
    await device.welcome();
    await device.until(() => sent.every(({ counter }) => device.ownEvent(counter) !== undefined), 'the own events again');
    expectThat(device.snapshots.length > 0, 'a SNAPSHOT before them');
    expectEqual('head of the log', await kit.head(user), from + 2);
  }),
];

async function readSnapshot(kit: CheckContext, user: KitUser): Promise<Device> {
  const reader = kit.device(user, { flags: snapshotFlag });
  await reader.connect();
  await reader.catchUp();
  return reader;
}

const resumeAt = (at: number, after: MemoryId): Partial<Hello> => ({ flags: snapshotFlag, cursor: 0, resume: { at, after } });

/** At least so many memories more. */
async function fill(kit: CheckContext, user: KitUser, count: number): Promise<readonly MemoryId[]> {
  const writer = await kit.join(user);
  const ids = Array.from({ length: count }, newMemoryId);
  for (let at = 0; at < count; at += 500) {
    await writer.write(...ids.slice(at, at + 500).map((memoryId, n) => ({ memoryId, writes: creation(`memory ${at + n}`) })));
  }
  writer.cut();
  return ids;
}

/** Edits one memory until the log is longer than twice the memories that are live. */
async function outgrow(kit: CheckContext, user: KitUser): Promise<{ readonly memoryId: MemoryId }> {
  const writer = await kit.join(user);
  const memoryId = newMemoryId();
  const { memories } = await kit.http
    .expect<{ counts: { memories: number } }>(200, 'GET', '/auth/me', { token: user.token })
    .then(({ counts }) => counts);
  await writer.write({ memoryId, writes: creation('the first edit') });
  for (let missing = 2 * (memories + 1) + 3 - writer.cursor; missing > 0; missing -= 500) {
    const edits = Array.from({ length: Math.min(500, missing) }, (_, n) => ({ memoryId, writes: [set('content', `edit ${n}`)] }));
    await writer.write(...edits);
  }
  await writer.write({ memoryId, writes: [set('content', 'the last edit')] });
  return { memoryId };
}

function expectPages(pages: readonly Snapshot[]): void {
  const ids = pages.flatMap(({ memories }) => memories.map(({ id }) => id));
  expectEqual('ids, descending', ids, ids.toSorted().toReversed());
  expectEqual('ids that come twice', ids.length - new Set(ids).size, 0);
  for (const [index, { next, memories }] of pages.entries()) {
    const isLast = index === pages.length - 1;
    expectEqual(`next of page ${index + 1} of ${pages.length}`, next, isLast ? null : memories.at(-1)?.id);
  }
}

/** An erasing event has no patch, or one that says no more than that it is deleted. */
function expectErase(change: unknown): unknown {
  const text = JSON.stringify(change);
  expectThat(!text.includes('secret'), 'an erasing event without content', text);
  return change;
}
