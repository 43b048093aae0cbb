/** What becomes of concurrent writes, as the wire tells it. */
import type { Hlc } from '../../src/core/clock.ts';
import type { LogEvent } from '../../src/core/event.ts';
import type { DeviceId, MemoryId } from '../../src/core/ids.ts';
import type { Write } from '../../src/core/register.ts';
import { type Check, type CheckContext, check } from '../check.ts';
import type { Device } from '../device.ts';
import { expectEqual, expectMembers, expectSome, expectThat } from '../expect.ts';
import type { KitUser } from '../users.ts';
import { creation, newMemoryId, set } from '../writes.ts';

export const mergeChecks: readonly Check[] = [
  check('[MRG-1] a write that knew of the last one wins, whatever its clock says', async (kit) => {
    const pair = await createPair(kit);
    const { one, two, memoryId } = pair;
    await one.write({ memoryId, writes: [set('content', 'by a fast clock')], hlc: at(pair, 30_000) });
    await two.reach(one.cursor);
    const [event] = await two.write({ memoryId, writes: [set('content', 'by a slow clock')], hlc: { ms: 1, count: 0 } });
    expectPlain(event);
    await expectContent(pair, 'by a slow clock');
  }),

  check('[MRG-1] a write that won by knowledge is stamped just after the one it replaced', async (kit) => {
    const pair = await createPair(kit);
    const { one, two, three, memoryId } = pair;
    const base = one.cursor;
    await one.write({ memoryId, writes: [set('content', 'stamp 20')], hlc: at(pair, 20) });
    await two.reach(one.cursor);
    await two.write({ memoryId, writes: [set('content', 'knew of it')], hlc: at(pair, 10) });
    const [between] = await three.write({ memoryId, writes: [set('content', 'stamp 15')], hlc: at(pair, 15), base });
    expectMembers('event of a stamp that lies between', expectSome('it', between), { outcome: 'superseded', lost: ['content'] });
    await three.reach(two.cursor);
    const [after] = await three.write({ memoryId, writes: [set('content', 'stamp 21')], hlc: at(pair, 21), base });
    expectEqual('lost of a later stamp', after?.lost, []);
    await expectContent(pair, 'stamp 21');
  }),

  check('[MRG-1] a device knows of its own writes, whatever base it names', async (kit) => {
    const pair = await createPair(kit);
    const { one, memoryId } = pair;
    const base = one.cursor;
    await one.write({ memoryId, writes: [set('content', 'first')], base, hlc: at(pair, 50) });
    const [event] = await one.write({ memoryId, writes: [set('content', 'second')], base, hlc: at(pair, 10) });
    expectPlain(event);
    await expectContent(pair, 'second');
  }),

  check('[MRG-2] of concurrent writes the later stamp wins, when it comes last', async (kit) => {
    const pair = await createPair(kit);
    const [, second] = await race(pair, [set('content', 'earlier')], at(pair, 10), [set('content', 'later')], at(pair, 20));
    expectMembers('event of the later stamp', second, { outcome: 'applied', lost: [] });
    await expectContent(pair, 'later');
  }),

  check('[MRG-2] of concurrent writes the later stamp wins, when it came first', async (kit) => {
    const pair = await createPair(kit);
    const [, second] = await race(pair, [set('content', 'later')], at(pair, 20), [set('content', 'earlier')], at(pair, 10));
    expectMembers('event of the earlier stamp', second, { outcome: 'superseded', lost: ['content'] });
    await expectContent(pair, 'later');
  }),

  check('[MRG-2] within a millisecond the count decides', async (kit) => {
    const pair = await createPair(kit);
    const { ms } = at(pair, 10);
    const [, second] = await race(pair, [set('content', 'count 7')], { ms, count: 7 }, [set('content', 'count 6')], {
      ms,
      count: 6,
    });
    expectEqual('lost', second.lost, ['content']);
    await expectContent(pair, 'count 7');
  }),

  check('[MRG-2] of equal stamps the greater device id wins', async (kit) => {
    const pair = await createPair(kit);
    const hlc = at(pair, 10);
    const [, second] = await race(pair, [set('content', 'by the smaller id')], hlc, [set('content', 'by the greater id')], hlc);
    expectEqual('lost by the greater id', second.lost, []);
    const { one, two } = pair;
    const again = await race({ ...pair, one: two, two: one }, [set('type', 'task')], hlc, [set('type', 'meta')], hlc);
    expectEqual('lost by the smaller id', again[1].lost, ['type']);
    await expectContent(pair, 'by the greater id');
  }),

  check('[MRG-3] each register of an op is decided for itself', async (kit) => {
    const pair = await createPair(kit);
    const early = [set('content', 'early'), set('scope', 'site')];
    const [, second] = await race(pair, [set('content', 'late')], at(pair, 20), early, at(pair, 10));
    expectMembers('event of the early op', second, { outcome: 'superseded', lost: ['content'] });
    const reader = await kit.reader(pair.user);
    const memory = expectSome('the memory', reader.replica.get(pair.memoryId));
    expectEqual('memory', [memory.content, memory.scope], ['late', 'site']);
  }),

  check('[MRG-3] different fields and tags never disturb each other', async (kit) => {
    const pair = await createPair(kit);
    const [first, second] = await race(
      pair,
      [set('content', 'mine'), set('tags/mine', true)],
      at(pair, 20),
      [set('type', 'task'), set('tags/yours', true)],
      at(pair, 10),
    );
    for (const event of [first, second]) expectPlain(event);
    const memory = expectSome('the memory', (await kit.reader(pair.user)).replica.get(pair.memoryId));
    expectEqual('memory', [memory.content, memory.type, memory.tags], ['mine', 'task', ['mine', 'yours']]);
  }),

  check('[MRG-3] a value that loses on arrival is a conflict that the event names', async (kit) => {
    const pair = await createPair(kit);
    const [first, second] = await race(pair, [set('content', 'wins')], at(pair, 20), [set('content', 'loses')], at(pair, 10));
    expectConflict(second, { register: 'content', winnerSeq: first.seq, loserSeq: second.seq });
    await expectListed(kit, pair, { register: 'content', winner: 'wins', loser: 'loses' });
  }),

  check('[MRG-3] a value that is beaten later is a conflict too', async (kit) => {
    const pair = await createPair(kit);
    const [first, second] = await race(pair, [set('content', 'beaten')], at(pair, 10), [set('content', 'beats')], at(pair, 20));
    expectConflict(second, { register: 'content', winnerSeq: second.seq, loserSeq: first.seq });
    await expectListed(kit, pair, { register: 'content', winner: 'beats', loser: 'beaten' });
  }),

  check('[MRG-3] tags are registers: one that is added and removed concurrently is a conflict', async (kit) => {
    const pair = await createPair(kit);
    const { one, two, memoryId } = pair;
    await one.write({ memoryId, writes: [set('tags/x', true)] });
    await two.reach(one.cursor);
    const [first, second] = await race(
      pair,
      [set('tags/x', false), set('content', 'untagged')],
      at(pair, 20),
      [set('tags/x', true)],
      at(pair, 10),
    );
    expectConflict(second, { register: 'tags/x', winnerSeq: first.seq, loserSeq: second.seq });
  }),

  check('[MRG-3] writing an equal value is no conflict', async (kit) => {
    const pair = await createPair(kit);
    const source = { url: 'https://example.org/', title: 'the same' };
    const same = [set('content', 'the same'), set('confidence', 0.5), set('source', source)];
    for (const [one, two] of [
      [10, 20],
      [40, 30],
    ] as const) {
      const events = await race(pair, same, at(pair, one), same, at(pair, two));
      for (const { conflicts, lost } of events) expectEqual('lost and conflicts', [lost, conflicts], [[], []]);
    }
  }),

  check('[MRG-3] a lost value is restored by one new op', async (kit) => {
    const pair = await createPair(kit);
    await race(pair, [set('content', 'wins')], at(pair, 20), [set('content', 'loses')], at(pair, 10));
    await pair.three.reach(await kit.head(pair.user));
    const [event] = await pair.three.write({ memoryId: pair.memoryId, writes: [set('content', 'loses')] });
    expectPlain(event);
    await expectContent(pair, 'loses');
    expectEqual('open conflicts', await listConflicts(kit, pair), []);
  }),

  check('[MRG-4] every device is told the same outcome, also the one that lost', async (kit) => {
    const pair = await createPair(kit);
    const { one, two, three } = pair;
    const [first, second] = await race(pair, [set('content', 'wins')], at(pair, 20), [set('content', 'loses')], at(pair, 10));
    await Promise.all([one, two, three].map((device) => device.reach(second.seq)));
    for (const device of [one, two, three]) {
      for (const event of [first, second]) expectEqual('event', bare(device.event(event.seq)), bare(event));
    }
  }),

  check('[MRG-5] the first op of a memory has to carry content, type and scope', async (kit) => {
    const device = await kit.join(await kit.user());
    const whole = creation('whole');
    const lacking = whole.map((_, n) => ({ memoryId: newMemoryId(), writes: whole.filter((_, index) => index !== n) }));
    const events = await device.write(...lacking, { memoryId: newMemoryId(), writes: whole });
    expectEqual(
      'verdicts',
      events.map(({ outcome, code }) => code ?? outcome),
      ['unknown_memory', 'unknown_memory', 'unknown_memory', 'applied'],
    );
  }),

  check('[MRG-5] an edit never revives: what is deleted stays so until `deleted` is written', async (kit) => {
    const pair = await createPair(kit);
    const { one, memoryId, user } = pair;
    const shown = async (): Promise<unknown> => {
      const memory = (await kit.reader(user)).replica.get(memoryId);
      return [memory?.deleted, memory?.content];
    };
    await one.write({ memoryId, writes: [set('deleted', true)] });
    const [edit] = await one.write({ memoryId, writes: [set('content', 'under the delete')] });
    expectMembers('event of the edit', expectSome('it', edit), { outcome: 'applied', conflicts: [] });
    expectEqual('memory', await shown(), [true, 'under the delete']);
    await one.write({ memoryId, writes: [set('deleted', false)] });
    expectEqual('memory', await shown(), [false, 'under the delete']);
  }),

  check('[MRG-5] an edit concurrent with a delete is applied under it, and kept as a conflict of `deleted`', async (kit) => {
    const pair = await createPair(kit);
    const [deletion, edit] = await race(
      pair,
      [set('deleted', true)],
      at(pair, 10),
      [set('content', 'edited meanwhile')],
      at(pair, 20),
    );
    expectMembers('event of the edit', edit, { outcome: 'applied', lost: [] });
    expectConflict(edit, { register: 'deleted', winnerSeq: deletion.seq, loserSeq: edit.seq });
    const memory = expectSome('the memory', (await kit.reader(pair.user)).replica.get(pair.memoryId));
    expectEqual('memory', [memory.deleted, memory.content], [true, 'edited meanwhile']);
  }),

  check('[MRG-5] a delete that comes after an edit it did not know of hides it, with the same conflict', async (kit) => {
    const pair = await createPair(kit);
    const [edit, deletion] = await race(
      pair,
      [set('content', 'edited meanwhile')],
      at(pair, 20),
      [set('deleted', true)],
      at(pair, 10),
    );
    expectMembers('event of the delete', deletion, { kind: 'delete', outcome: 'applied', lost: [] });
    expectConflict(deletion, { register: 'deleted', winnerSeq: deletion.seq, loserSeq: edit.seq });
    const memory = expectSome('the memory', (await kit.reader(pair.user)).replica.get(pair.memoryId));
    expectEqual('memory', [memory.deleted, memory.content], [true, 'edited meanwhile']);
  }),

  check('[MRG-5] a delete hides a memory that is restored concurrently, whatever the stamps', async (kit) => {
    const pair = await createPair(kit);
    const { one, two, memoryId } = pair;
    await one.write({ memoryId, writes: [set('deleted', true)] });
    await one.write({ memoryId, writes: [set('deleted', false)] });
    await two.reach(one.cursor);
    const [, restored] = await race(pair, [set('deleted', true)], at(pair, 10), [set('deleted', false)], at(pair, 20));
    expectEqual('lost by the restore', restored.lost, ['deleted']);
    expectEqual('deleted', (await kit.reader(pair.user)).replica.get(memoryId)?.deleted, true);
  }),

  check(
    '[MRG-6] a stamp far ahead is clamped to a minute after the server’s time, one far behind is taken as it is',
    async (kit) => {
      const device = await kit.join(await kit.user());
      const far = { ms: Date.UTC(2100, 0, 1), count: 7 };
      const [future, past] = await device.write(
        { memoryId: newMemoryId(), writes: creation('2100'), hlc: far },
        { memoryId: newMemoryId(), writes: creation('1970'), hlc: { ms: 0, count: 0 } },
      );
      const { hlc, at: accepted, outcome } = expectSome('the event', future);
      expectEqual('event of 2100', [outcome, hlc], ['applied', { ms: accepted + 60_000, count: 0 }]);
      expectMembers('event of 1970', expectSome('the event', past), { outcome: 'applied', hlc: { ms: 0, count: 0 } });
    },
  ),

  check('[MRG-6] a stamp up to a minute ahead is no skewed one', async (kit) => {
    const device = kit.device(await kit.user());
    const { now, head } = await device.connect();
    device.cursor = Math.max(device.cursor, head);
    const hlc = { ms: now + 50_000, count: 3 };
    const [event] = await device.write({ memoryId: newMemoryId(), writes: creation('fifty seconds ahead'), hlc });
    expectEqual('stamp', event?.hlc, hlc);
  }),

  check('[MRG-6] WELCOME tells the server’s clock, which accepts the events', async (kit) => {
    const user = await kit.user();
    const device = kit.device(user);
    device.cursor = await kit.head(user);
    const { now } = await device.connect();
    const [event] = await device.write({ memoryId: newMemoryId(), writes: creation('now') });
    const { at: accepted } = expectSome('the event', event);
    expectThat(accepted >= now - 1_000 && accepted <= now + 60_000, `an event of about ${now}`, accepted);
  }),

  check('[MRG-8] a conflict stays open under a write that did not know of it, and ends with one that did', async (kit) => {
    const pair = await createPair(kit);
    const { three, memoryId } = pair;
    const base = three.cursor;
    await race(pair, [set('content', 'wins')], at(pair, 20), [set('content', 'loses')], at(pair, 10));
    await three.write({ memoryId, writes: [set('content', 'knows of nothing')], base, hlc: at(pair, 30) });
    const open = await listConflicts(kit, pair);
    expectThat(
      open.some(({ loser }) => loser.value === 'loses'),
      'the first loser among the open conflicts',
      open,
    );
    expectThat(
      open.every(({ winner }) => winner.value === 'knows of nothing'),
      'the new winner in every one',
      open,
    );
    await three.reach(await kit.head(pair.user));
    await three.write({ memoryId, writes: [set('content', 'settled')] });
    expectEqual('open conflicts', await listConflicts(kit, pair), []);
  }),
];

interface Pair {
  readonly user: KitUser;
  /** Has the smaller id. */
  readonly one: Device;
  readonly two: Device;
  readonly three: Device;
  /** All three have it. */
  readonly memoryId: MemoryId;
  /** Of the memory's first op, Unix ms. */
  readonly ms: number;
  readonly kit: CheckContext;
}

async function createPair(kit: CheckContext): Promise<Pair> {
  const user = await kit.user();
  const ids = Array.from({ length: 3 }, () => newMemoryId() as string as DeviceId).sort();
  const [one, two, three] = await Promise.all(ids.map((id) => kit.join(user, { id })));
  const devices = { one: expectSome('one', one), two: expectSome('two', two), three: expectSome('three', three) };
  const memoryId = newMemoryId();
  const [op] = devices.one.push({ memoryId, writes: creation('before') });
  await Promise.all(Object.values(devices).map((device) => device.reach(devices.one.head + 1)));
  await devices.one.until(() => devices.one.acked >= 1, 'the ack');
  return { user, ...devices, memoryId, ms: expectSome('an op', op).hlc.ms, kit };
}

/** A stamp so many ms after the memory's first. */
const at = ({ ms }: Pair, after: number): Hlc => ({ ms: ms + after, count: 0 });

/** Both write without knowing of each other's; the first op gets to the server first. */
async function race(
  { one, two, memoryId }: Pair,
  first: readonly Write[],
  firstHlc: Hlc,
  second: readonly Write[],
  secondHlc: Hlc,
): Promise<readonly [LogEvent, LogEvent]> {
  const base = Math.max(one.cursor, two.cursor);
  await Promise.all([one.reach(base), two.reach(base)]);
  const [won] = await one.write({ memoryId, writes: first, hlc: firstHlc, base });
  const [lost] = await two.write({ memoryId, writes: second, hlc: secondHlc, base });
  return [expectSome('the first event', won), expectSome('the second event', lost)];
}

function expectPlain(event: LogEvent | undefined): void {
  expectMembers('event', expectSome('an event', event), { outcome: 'applied', lost: [], conflicts: [] });
}

function expectConflict({ conflicts }: LogEvent, expected: object): void {
  expectEqual(
    'conflicts',
    conflicts.map(({ id: _, ...conflict }) => conflict),
    [expected],
  );
}

async function expectContent({ kit, user, memoryId }: Pair, content: string): Promise<void> {
  expectEqual('content', (await kit.reader(user)).replica.get(memoryId)?.content, content);
  const shown = await kit.http.expect<{ content: string }>(200, 'GET', `/memories/${memoryId}`, { token: user.token });
  expectEqual('content over HTTP', shown.content, content);
}

interface ListedConflict {
  readonly memoryId: string;
  readonly register: string;
  readonly winner: { readonly value: unknown };
  readonly loser: { readonly value: unknown };
}

async function listConflicts(kit: CheckContext, { user, memoryId }: Pair): Promise<readonly ListedConflict[]> {
  const path = '/conflicts?status=open&limit=50';
  const { conflicts } = await kit.http.expect<{ conflicts: ListedConflict[] }>(200, 'GET', path, { token: user.token });
  return conflicts.filter((conflict) => conflict.memoryId === memoryId);
}

async function expectListed(kit: CheckContext, pair: Pair, expected: object): Promise<void> {
  const listed = (await listConflicts(kit, pair)).map(({ register, winner, loser }) => ({
    register,
    winner: winner.value,
    loser: loser.value,
  }));
  expectEqual('open conflicts of the memory', listed, [expected]);
}

const bare = ({ change: _, ...event }: LogEvent) => event;
