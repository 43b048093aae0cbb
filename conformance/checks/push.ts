/** PUSH: acks, retries, gaps, ops that are refused. */
import type { Delta } from '../../src/protocol/frames.ts';
import { type Check, check } from '../check.ts';
import type { Device, NewOp } from '../device.ts';
import { expectEqual, expectMembers, expectSome, expectThat } from '../expect.ts';
import { creation, newMemoryId, set } from '../writes.ts';

const note = (content: string): NewOp => ({ memoryId: newMemoryId(), writes: creation(content) });
const notes = (count: number): NewOp[] => Array.from({ length: count }, (_, n) => note(`note ${n}`));

export const pushChecks: readonly Check[] = [
  check('[SYN-3] PUSH is answered by a DELTA that carries ack and effect together', async (kit) => {
    const device = await kit.join(await kit.user());
    const from = device.cursor;
    const sent = device.push(...notes(3));
    const delta = await device.peer.expect('DELTA');
    expectMembers('DELTA', delta, { from, to: from + 3, head: from + 3, acked: 3 });
    expectEqual(
      'own events',
      delta.events.map(identity),
      sent.map((op, n) => [from + 1 + n, device.id, op.counter, op.memoryId]),
    );
    expectEqual(
      'outcomes',
      delta.events.map(({ outcome }) => outcome),
      ['applied', 'applied', 'applied'],
    );
  }),

  check('[SYN-3] an ack never runs ahead of the events that were sent with it', async (kit) => {
    const user = await kit.user();
    const [device, other] = [await kit.join(user), await kit.join(user)];
    for (let n = 0; n < 12; n++) {
      device.push(note(`mine ${n}`));
      other.push(note(`the other's ${n}`));
    }
    await Promise.all([device, other].map((each) => each.until(() => each.acked >= 12, 'every ack')));
    for (const each of [device, other]) for (const delta of each.deltas) expectAckInPlace(each, delta);
  }),

  check('[SYN-3] what is acked is in the log: another connection finds it at once', async (kit) => {
    const user = await kit.user();
    const device = await kit.join(user);
    for (let n = 0; n < 4; n++) {
      const [event] = await device.write(note(`durable ${n}`));
      expectEqual('head for another reader', await kit.head(user), event?.seq);
      const reader = kit.device(user);
      reader.cursor = device.cursor - 1;
      await reader.connect();
      await reader.catchUp();
      expectEqual('event for another reader', identity(reader.event(device.cursor)), identity(device.event(device.cursor)));
    }
  }),

  check('[SYN-3] PUSH frames may overlap: every op becomes one event, in the order of the counters', async (kit) => {
    const device = await kit.join(await kit.user());
    const from = device.cursor;
    const sent = Array.from({ length: 24 }, (_, n) => device.push(note(`overlapping ${n}`))).flat();
    const events = await device.eventsOf(sent);
    expectEqual(
      'seqs',
      events.map(({ seq }) => seq),
      sent.map((_, n) => from + 1 + n),
    );
  }),

  check('[SYN-3] a PUSH of maxOps ops is taken as a whole', async (kit) => {
    const user = await kit.user();
    const device = kit.device(user);
    device.cursor = await kit.head(user);
    const { limits } = await device.connect();
    const memoryId = newMemoryId();
    const edits = Array.from({ length: limits.maxOps - 1 }, (_, n) => ({ memoryId, writes: [set('content', `edit ${n}`)] }));
    const from = device.cursor;
    const events = await device.write({ memoryId, writes: creation('first') }, ...edits);
    expectEqual('newest seq', events.at(-1)?.seq, from + limits.maxOps);
  }),

  check('[SYN-3] an op’s own base overrides the frame’s', async (kit) => {
    const user = await kit.user();
    const [one, two] = [await kit.join(user), await kit.join(user)];
    const memoryId = newMemoryId();
    await one.write({ memoryId, writes: creation('by one') });
    await two.reach(one.cursor);
    const old = one.cursor - 1;
    const seen = two.stamp({
      memoryId,
      writes: [set('content', 'by two, who saw it')],
      base: two.cursor,
      hlc: { ms: 1, count: 0 },
    });
    two.sendOps([seen], old);
    const [event] = await two.eventsOf([seen]);
    expectMembers('event of an old stamp and a new base', expectSome('the event', event), { outcome: 'applied', conflicts: [] });
  }),

  check(
    '[LOG-2] the same PUSH again is answered with what was recorded, from before its first op, and writes nothing',
    async (kit) => {
      const user = await kit.user();
      const device = await kit.join(user);
      const from = device.cursor;
      const sent = device.push(...notes(2), { memoryId: newMemoryId(), writes: [set('content', 'of nothing')] });
      const first = await device.eventsOf(sent);
      for (let again = 0; again < 2; again++) {
        device.deltas.length = 0;
        device.sendOps(sent, from);
        await device.until(() => device.deltas.some(({ acked }) => (acked ?? 0) >= 3), 'the ack of the replay');
        const told = device.deltas.flatMap(({ events }) => events);
        expectThat((device.deltas[0]?.from ?? from + 1) <= from, `a DELTA from ${from} or before`, device.deltas[0]);
        const mine = told.filter((event) => event.device === device.id);
        expectEqual('events of the replay', mine.map(verdict), first.map(verdict));
      }
      expectEqual('head of the log', await kit.head(user), from + 3);
    },
  ),

  check(
    '[LOG-2] [SYN-3] after a lost ack the same ops are pushed again on another connection, and are one event each',
    async (kit) => {
      const user = await kit.user();
      const [device, observer] = [await kit.join(user), await kit.join(user)];
      const from = device.cursor;
      device.peer.pause();
      const sent = device.push(...notes(3));
      await observer.reach(from + 3);
      device.cut();
      await device.connect({ cursor: from, lastCounter: 3 });
      device.sendOps(sent, from);
      await device.until(() => device.cursor >= from + 3 && device.acked >= 3, 'the events and their ack');
      expectEqual(
        'seqs',
        sent.map(({ counter }) => device.ownEvent(counter)?.seq),
        [from + 1, from + 2, from + 3],
      );
      expectEqual('head of the log', await kit.head(user), from + 3);
    },
  ),

  check('[LOG-2] of a PUSH that begins with known counters only the new ones become events', async (kit) => {
    const user = await kit.user();
    const device = await kit.join(user);
    const from = device.cursor;
    const known = device.push(...notes(3));
    await device.eventsOf(known);
    const more = [...known.slice(1), device.stamp(note('new'))];
    device.sendOps(more, from);
    await device.eventsOf(more);
    expectEqual('head of the log', await kit.head(user), from + 4);
    expectEqual(
      'seqs',
      more.map(({ counter }) => device.ownEvent(counter)?.seq),
      [from + 2, from + 3, from + 4],
    );
  }),

  check('[LOG-2] [SYN-13] other content under a known counter changes nothing, and what was recorded is told', async (kit) => {
    const user = await kit.user();
    const device = await kit.join(user);
    const from = device.cursor;
    const [op] = device.push(note('what was said first'));
    const sent = expectSome('an op', op);
    await device.eventsOf([sent]);
    device.deltas.length = 0;
    device.sendOps([{ ...sent, memoryId: newMemoryId(), change: { writes: creation('something else') } }], from);
    await device.until(() => device.deltas.some(({ acked }) => (acked ?? 0) >= 1), 'the ack');
    expectEqual('head of the log', await kit.head(user), from + 1);
    const { memoryId, hlc } = expectSome('the recorded event', device.ownEvent(1));
    expectEqual('memory and stamp of the recorded event', [memoryId, hlc], [sent.memoryId, sent.hlc]);
    expectEqual('content', (await kit.reader(user)).replica.get(sent.memoryId)?.content, 'what was said first');
  }),

  check('[LOG-2] counters in the future are counter_gap with the one that is expected; nothing is applied', async (kit) => {
    const user = await kit.user();
    const device = await kit.join(user);
    const from = device.cursor;
    await device.write(note('first'));
    const early = device.stamp(note('counter 2'));
    device.counter = 6;
    const late = device.stamp(note('counter 7'));
    device.sendOps([late]);
    const gap = await device.peer.expectError('counter_gap', 'counter 7 after 1');
    expectEqual('expected', gap.expected, 2);
    expectEqual('frames that follow', await device.peer.settle(), []);
    expectEqual('head of the log', await kit.head(user), from + 1);
    device.sendOps([early]);
    await device.eventsOf([early]);
    expectEqual('head of the log', await kit.head(user), from + 2);
  }),

  check('[LOG-2] [SEC-2] an op that cannot be applied is rejected with its code and blocks none behind it', async (kit) => {
    const device = await kit.join(await kit.user());
    const known = newMemoryId();
    await device.write({ memoryId: known, writes: creation('known') });
    const cases = refusals(known);
    const events = await device.write(...cases.map(({ op }) => op), note('fine'));
    const verdicts = events.map(({ outcome, code }) => code ?? outcome);
    expectEqual('verdicts', verdicts, [...cases.map(({ code }) => code), 'applied']);
    for (const event of events.slice(0, -1)) expectMembers('event', event, { kind: 'reject', outcome: 'rejected' });
  }),

  check('[LOG-2] a rejected op is told again on every retry, and by the log to every device', async (kit) => {
    const user = await kit.user();
    const [device, observer] = [await kit.join(user), await kit.join(user)];
    const from = device.cursor;
    const sent = device.push({ memoryId: newMemoryId(), writes: [set('content', 'of nothing')] });
    await device.eventsOf(sent);
    for (let again = 0; again < 3; again++) {
      device.events.clear();
      device.deltas.length = 0;
      device.sendOps(sent, from);
      await device.until(() => device.deltas.some(({ acked }) => acked === 1), 'the ack of the retry');
      expectEqual('verdict of the retry', device.ownEvent(1)?.code, 'unknown_memory');
    }
    await observer.reach(from + 1);
    expectMembers('event for another device', observer.event(from + 1), { outcome: 'rejected', code: 'unknown_memory' });
  }),

  check('[LOG-2] more than 64 tags on one memory are too_many_tags', async (kit) => {
    const device = await kit.join(await kit.user());
    const memoryId = newMemoryId();
    const tags = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => set(`tags/tag ${from + n}`, true));
    const events = await device.write(
      { memoryId, writes: creation('many tags', ...tags(0, 64)) },
      { memoryId, writes: tags(64, 65) },
      { memoryId, writes: [set('tags/tag 0', false), ...tags(64, 65)] },
    );
    expectEqual(
      'verdicts',
      events.map(({ outcome, code }) => code ?? outcome),
      ['applied', 'too_many_tags', 'applied'],
    );
  }),

  check('[SYN-5] a base above the head is RESET cursor_ahead, and the end of the socket', async (kit) => {
    const user = await kit.user();
    const device = await kit.join(user);
    const head = device.cursor;
    device.sendOps([{ ...device.stamp(note('from the future')), base: head + 50 }], head + 50);
    const reset = await device.peer.expect('RESET', 'RESET cursor_ahead');
    expectMembers('RESET', reset, { code: 'cursor_ahead', head });
    expectEqual('close code', await device.peer.closed('after RESET cursor_ahead'), 4409);
    expectEqual('head of the log', await kit.head(user), head);
  }),

  check('[LOG-2] one device on two sockets at once: every op is one event, whichever was first', async (kit) => {
    const user = await kit.user();
    const one = await kit.join(user);
    const two = kit.device(user, { id: one.id });
    two.cursor = one.cursor;
    await two.connect();
    const from = one.cursor;
    const sent = notes(12).map((op) => one.stamp(op));
    for (const op of sent) for (const device of [one, two]) device.sendOps([op], from);
    await Promise.all([one, two].map((device) => device.until(() => device.acked >= 12, 'every ack')));
    expectEqual('head of the log', await kit.head(user), from + 12);
    const reader = await kit.reader(user);
    expectEqual(
      'memories',
      sent.map(({ memoryId }) => reader.replica.get(memoryId)?.content),
      sent.map((_, n) => `note ${n}`),
    );
  }),
];

const identity = ({ seq, device, counter, memoryId }: Delta['events'][number]) => [seq, device, counter, memoryId];

const verdict = ({ seq, counter, outcome, code }: Delta['events'][number]) => [seq, counter, outcome, code];

/** `acked` is the device's last counter that the log holds up to `to`. */
function expectAckInPlace(device: Device, delta: Delta): void {
  if (delta.acked === undefined) return;
  const own = [...device.events.values()].filter((event) => event.device === device.id && event.seq <= delta.to);
  const last = Math.max(0, ...own.map(({ counter }) => counter));
  expectEqual(`acked of the DELTA to ${delta.to}`, delta.acked, last);
}

function refusals(known: NewOp['memoryId']): readonly { readonly op: NewOp; readonly code: string }[] {
  const edit = (register: 'content' | 'confidence' | 'deleted' | 'source' | 'tags/', value: string | number | boolean) => ({
    op: { memoryId: known, writes: [set(register, value)] },
    code: 'invalid_value',
  });
  return [
    { op: { memoryId: newMemoryId(), writes: [set('content', 'of nothing')] }, code: 'unknown_memory' },
    { op: { memoryId: newMemoryId(), writes: [set('deleted', true)] }, code: 'unknown_memory' },
    { op: { memoryId: newMemoryId(), writes: creation('x'.repeat(10_001)) }, code: 'invalid_value' },
    { op: { memoryId: newMemoryId(), writes: creation('NUL \0 inside') }, code: 'invalid_value' },
    { op: { memoryId: known, writes: [] }, code: 'empty_patch' },
    edit('content', ''),
    edit('confidence', 1.5),
    edit('deleted', 'yes'),
    edit('source', 'a text'),
    edit('tags/', true),
  ];
}
