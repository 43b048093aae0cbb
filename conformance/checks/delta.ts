/** DELTA: a contiguous piece of the log, whoever writes meanwhile. */
import type { LogEvent } from '../../src/core/event.ts';
import type { Delta } from '../../src/protocol/frames.ts';
import { type Check, type CheckContext, check } from '../check.ts';
import type { Device } from '../device.ts';
import { expectEqual, expectMembers, expectSome, expectThat } from '../expect.ts';
import { expectSameMemories } from '../second-opinion/replica.ts';
import type { KitUser } from '../users.ts';
import { creation, newMemoryId, set } from '../writes.ts';

export const deltaChecks: readonly Check[] = [
  check('[SYN-4] a delta is a contiguous piece of the log, while several devices write', async (kit) => {
    const user = await kit.user();
    const reader = await kit.join(user);
    const from = reader.cursor;
    await writeTogether(kit, user, { writers: 3, pushes: 8, ops: 3 });
    await reader.reach(from + 72);
    expectContiguous(reader.deltas, from);
    expectEqual(
      'events',
      [...reader.events.keys()],
      Array.from({ length: 72 }, (_, n) => from + 1 + n),
    );
  }),

  check('[LOG-1] seqs have no gaps and no doubles, and every op of every writer has one', async (kit) => {
    const user = await kit.user();
    const from = await kit.head(user);
    const writers = await writeTogether(kit, user, { writers: 4, pushes: 6, ops: 2 });
    const head = await kit.head(user);
    expectEqual('head after 48 ops', head, from + 48);
    const seqs = writers.flatMap((writer) => [...writer.sent.keys()].map((counter) => writer.ownEvent(counter)?.seq));
    expectEqual(
      'seqs',
      seqs.toSorted((a, b) => (a ?? 0) - (b ?? 0)),
      Array.from({ length: 48 }, (_, n) => from + 1 + n),
    );
  }),

  check('[SYN-4] a device that comes back gets what lies after its cursor, no more and no less', async (kit) => {
    const user = await kit.user();
    const [writer, reader] = [await kit.join(user), await kit.join(user)];
    reader.cut();
    const away = await writer.write(
      ...[1, 2, 3, 4].map((n) => ({ memoryId: newMemoryId(), writes: creation(`while away ${n}`) })),
    );
    const from = reader.cursor;
    await reader.connect();
    await reader.catchUp();
    expectContiguous(reader.deltas, from);
    expectEqual('events', [...reader.events.values()].map(withoutPatch), away.map(withoutPatch));
  }),

  check('[SYN-4] a reader that leaves and comes back at any moment misses nothing and sees nothing twice', async (kit) => {
    const user = await kit.user();
    const reader = await kit.join(user);
    const from = reader.cursor;
    const seen: number[] = [];
    const readInPieces = async (): Promise<void> => {
      while (reader.cursor < from + 60) {
        const before = reader.cursor;
        reader.deltas.length = 0;
        await reader.until(() => reader.cursor > before, 'more of the log');
        seen.push(...reader.deltas.flatMap(({ events }) => events.map(({ seq }) => seq)));
        reader.cut();
        await reader.connect();
      }
    };
    await Promise.all([readInPieces(), writeTogether(kit, user, { writers: 2, pushes: 15, ops: 2 })]);
    expectEqual(
      'events in their order',
      seen,
      Array.from({ length: 60 }, (_, n) => from + 1 + n),
    );
  }),

  check('[SYN-4] a delta carries the device’s own events too', async (kit) => {
    const user = await kit.user();
    const device = await kit.join(user);
    const from = device.cursor;
    await device.write(
      { memoryId: newMemoryId(), writes: creation('mine') },
      { memoryId: newMemoryId(), writes: creation('mine too') },
    );
    device.cut();
    device.events.clear();
    device.cursor = from;
    await device.connect();
    await device.catchUp();
    expectEqual(
      'own events',
      [...device.events.values()].map(({ seq, device: by }) => [seq, by]),
      [
        [from + 1, device.id],
        [from + 2, device.id],
      ],
    );
  }),

  check('[SYN-4] an event says who wrote what and when: device, counter, stamp, memory, kind, patch', async (kit) => {
    const user = await kit.user();
    const [writer, reader] = [await kit.join(user), await kit.join(user)];
    const source = { url: 'https://example.org/a?b=c', platform: 'a platform', title: 'ünïcode ✓ 🙂' };
    const extras = [set('confidence', 0.25), set('source', source), set('tags/a tag', true), set('tags/~/', true)];
    const memoryId = newMemoryId();
    const [op] = writer.push({ memoryId, writes: creation('a whole memory, ünïcode ✓ 🙂', ...extras) });
    const sent = expectSome('an op', op);
    await reader.reach(reader.cursor + 1);
    const event = reader.event(reader.cursor);
    const { device, counter, hlc, kind, outcome, lost, conflicts } = event;
    expectEqual(
      'event',
      { device, counter, hlc, memoryId: event.memoryId, kind, outcome, lost, conflicts },
      { device: writer.id, counter: 1, hlc: sent.hlc, memoryId, kind: 'create', outcome: 'applied', lost: [], conflicts: [] },
    );
    expectEqual('patch', writesOf(event), writesOf({ change: sent.change }));
  }),

  check('[SYN-4] kinds name what an op did: create, update, delete, restore', async (kit) => {
    const user = await kit.user();
    const [writer, reader] = [await kit.join(user), await kit.join(user)];
    const memoryId = newMemoryId();
    await writer.write({ memoryId, writes: creation('one life') });
    await writer.write({ memoryId, writes: [set('content', 'changed')] });
    await writer.write({ memoryId, writes: [set('deleted', true)] });
    await writer.write({ memoryId, writes: [set('deleted', false)] });
    await reader.reach(writer.cursor);
    expectEqual(
      'kinds',
      [...reader.events.values()].map(({ kind }) => kind),
      ['create', 'update', 'delete', 'restore'],
    );
  }),

  check(
    '[SYN-1] [SYN-4] binary and text tell the same log',
    async (kit) => {
      const user = await kit.user();
      const from = await kit.head(user);
      await writeTogether(kit, user, { writers: 2, pushes: 4, ops: 2 });
      await collide(kit, user);
      const read = async (form: 'binary' | 'text') => {
        const device = kit.device(user, { form });
        device.cursor = from;
        await device.connect();
        return [...(await device.catchUp()).events.values()];
      };
      const [binary, text] = [await read('binary'), await read('text')];
      expectThat(binary.length > 16, 'more than 16 events', binary.length);
      expectEqual('events in text', text.map(comparable), binary.map(comparable));
    },
    { form: 'none' },
  ),

  check('[SYN-4] a DELTA that holds the head says so, and one that does not leaves the hash out', async (kit) => {
    const user = await kit.user();
    const writer = await kit.join(user);
    const from = writer.cursor;
    const long = 'long '.repeat(1_500);
    for (let push = 0; push < 3; push++) {
      await writer.write(
        ...Array.from({ length: 30 }, (_, n) => ({ memoryId: newMemoryId(), writes: creation(`${n} ${long}`) })),
      );
    }
    const reader = kit.device(user);
    reader.cursor = from;
    await reader.connect();
    await reader.catchUp();
    expectContiguous(reader.deltas, from);
    expectThat(reader.deltas.length > 1, 'more than one DELTA for 675 KB of events', reader.deltas.length);
    for (const { to, head, hash } of reader.deltas) {
      expectEqual(`a hash in the DELTA to ${to} of ${head}`, hash !== undefined, to === head);
    }
  }),

  check(
    '[SEC-3] a DELTA holds at most 262,144 bytes of events, or one',
    async (kit) => {
      const user = await kit.user();
      const writer = await kit.join(user);
      const from = writer.cursor;
      const large = Array.from({ length: 60 }, (_, n) => ({
        memoryId: newMemoryId(),
        writes: creation(`${n} ${'x'.repeat(9_900)}`),
      }));
      await writer.write(...large);
      const reader = kit.device(user);
      reader.cursor = from;
      await reader.connect();
      await reader.catchUp();
      // The header and its table of devices take some bytes more.
      const sizes = reader.peer.received.filter(({ frame }) => frame.type === 'DELTA').map(({ bytes }) => bytes);
      expectThat(Math.max(...sizes) <= 262_144 + 256, 'frames of at most 262,144 bytes of events', sizes);
    },
    { form: 'binary' },
  ),

  check('[SYN-4] applying the events, each without what it lost, gives what the server holds', async (kit) => {
    const user = await kit.user();
    const reader = await kit.reader(user);
    await writeTogether(kit, user, { writers: 2, pushes: 3, ops: 2 });
    await collide(kit, user);
    await reader.reach(await kit.head(user));
    const fresh = kit.device(user, { flags: snapshotFlag });
    await fresh.connect();
    await fresh.catchUp();
    expectSameMemories('memories by events', reader.replica.all(), fresh.replica.all());
  }),

  check('[SYN-6] the hash at the head is that of the rows, deleted ones included', async (kit) => {
    const user = await kit.user();
    const reader = await kit.reader(user);
    const writer = await kit.join(user);
    const memoryId = newMemoryId();
    for (const writes of [
      creation('hashed'),
      [set('content', 'changed')],
      [set('deleted', true)],
      [set('content', 'under it')],
    ]) {
      await writer.write({ memoryId, writes });
      await reader.reach(writer.cursor);
      expectEqual('hash', expectSome('a hash', reader.deltas.at(-1)?.hash), reader.replica.stateHash());
    }
  }),

  check('[SYN-6] a rejected op changes no row and no hash', async (kit) => {
    const user = await kit.user();
    const reader = await kit.reader(user);
    const writer = await kit.join(user);
    await writer.write({ memoryId: newMemoryId(), writes: creation('a row') });
    await reader.reach(writer.cursor);
    const before = reader.deltas.at(-1)?.hash;
    await writer.write({ memoryId: newMemoryId(), writes: [set('content', 'of nothing')] });
    await reader.reach(writer.cursor);
    expectEqual('hash', reader.deltas.at(-1)?.hash, before);
  }),

  check('[SYN-4] what is written over HTTP reaches the sockets, as an op of the server’s own replica', async (kit) => {
    const user = await kit.user();
    const reader = await kit.join(user);
    const body = { content: 'written over HTTP', type: 'fact', scope: 'user_global', tags: ['rest'] };
    const memory = await kit.http.expect<{ id: string; seq: number }>(201, 'POST', '/memories', { token: user.token, body });
    const delta = await reader.peer.expect('DELTA', 'a DELTA with what was written over HTTP');
    expectEqual('acked for a device that wrote nothing', delta.acked, undefined);
    const [event] = delta.events;
    const device = '00000000-0000-0000-0000-000000000000';
    expectMembers('event', expectSome('an event', event), { seq: memory.seq, memoryId: memory.id, device, kind: 'create' });
  }),
];

/** HELLO flag 2: a SNAPSHOT even where a delta would be shorter. */
export const snapshotFlag = 2;

interface Load {
  readonly writers: number;
  readonly pushes: number;
  /** In each PUSH. */
  readonly ops: number;
}

/** Several devices write at once. They have everything acked when it resolves. */
export async function writeTogether(
  kit: CheckContext,
  user: KitUser,
  { writers, pushes, ops }: Load,
): Promise<readonly Device[]> {
  const devices = await Promise.all(Array.from({ length: writers }, () => kit.join(user)));
  await Promise.all(
    devices.map(async (device, writer) => {
      for (let push = 0; push < pushes; push++) {
        const content = (n: number) => `writer ${writer}, push ${push}, op ${n}`;
        device.push(...Array.from({ length: ops }, (_, n) => ({ memoryId: newMemoryId(), writes: creation(content(n)) })));
        if (push % 3 === 2) await device.until(() => device.acked >= (push + 1) * ops, 'an ack');
      }
      await device.until(() => device.acked >= pushes * ops, 'the last ack');
    }),
  );
  return devices;
}

/** Two devices write the same memory without knowing of each other: each of them loses something. */
async function collide(kit: CheckContext, user: KitUser): Promise<void> {
  const [one, two] = [await kit.join(user), await kit.join(user)];
  const memoryId = newMemoryId();
  await one.write({ memoryId, writes: creation('before') });
  await two.reach(one.cursor);
  const base = one.cursor;
  const stamp = (ahead: number) => ({ ms: one.now().ms + ahead, count: 0 });
  await one.write({ memoryId, writes: [set('content', 'by one'), set('tags/one', true)], hlc: stamp(2), base });
  await two.write({
    memoryId,
    writes: [set('content', 'by two'), set('type', 'task'), set('tags/two', true)],
    hlc: stamp(0),
    base,
  });
  await one.write({ memoryId, writes: [set('deleted', true)], base });
}

export function expectContiguous(deltas: readonly Delta[], from: number): void {
  let at = from;
  for (const delta of deltas) {
    expectEqual('from of the DELTA that follows', delta.from, at);
    expectEqual('to of a DELTA', delta.to, delta.from + delta.events.length);
    expectEqual(
      'seqs of its events',
      delta.events.map(({ seq }) => seq),
      delta.events.map((_, n) => delta.from + 1 + n),
    );
    expectThat(delta.head >= delta.to, 'a head that is not below the piece', { to: delta.to, head: delta.head });
    at = delta.to;
  }
}

const withoutPatch = ({ change: _, ...event }: LogEvent) => event;

const comparable = ({ change, ...event }: LogEvent) => ({ ...event, patch: writesOf({ change }) });

/** By register: the order of a patch says nothing. */
function writesOf({ change }: Pick<LogEvent, 'change'>): unknown {
  return change === null ? null : change.writes.map(({ register, value }) => [register, value]).sort();
}
