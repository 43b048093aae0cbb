/** The HTTP twins: the same log without a socket. */
import { randomUUID } from 'node:crypto';
import { changeToPatch } from '../../src/core/change.ts';
import { hlcToString } from '../../src/core/clock.ts';
import type { DeviceId } from '../../src/core/ids.ts';
import type { Write } from '../../src/core/register.ts';
import { eventToJson } from '../../src/protocol/json-codec.ts';
import type { JsonEvent } from '../../src/protocol/json-frames.ts';
import { type Check, type CheckContext, check } from '../check.ts';
import type { Device, NewOp } from '../device.ts';
import { expectEqual, expectMembers, expectSome, expectThat, show } from '../expect.ts';
import { decodeFrame } from '../frame-io.ts';
import type { KitUser } from '../users.ts';
import { creation, newMemoryId, set } from '../writes.ts';
import { writeTogether } from './delta.ts';

const onceOnly = { form: 'none' } as const;

export const httpChecks: readonly Check[] = [
  check(
    '[SYN-4] updates?form=events gives the events that the socket gives, page by page',
    async (kit) => {
      const user = await kit.user();
      const from = await kit.head(user);
      const cursor = await cursorAtHead(kit, user);
      await writeTogether(kit, user, { writers: 2, pushes: 5, ops: 2 });
      const reader = kit.device(user);
      reader.cursor = from;
      await reader.connect();
      await reader.catchUp();
      const events: JsonEvent[] = [];
      let page = await pull(kit, user, `form=events&limit=7&cursor=${cursor}`);
      for (let pages = 1; ; pages++) {
        events.push(...(page.events ?? []));
        if (page.done) break;
        expectThat(pages < 10, 'an end of the pages', pages);
        page = await pull(kit, user, `form=events&limit=7&cursor=${page.cursor}`);
      }
      expectEqual('events over HTTP', events, [...reader.events.values()].map(eventToJson));
    },
    onceOnly,
  ),

  check(
    '[SYN-4] updates with Accept: application/msgpack is the binary DELTA, with the cursor in a header',
    async (kit) => {
      const user = await kit.user();
      const from = await kit.head(user);
      const cursor = await cursorAtHead(kit, user);
      await writeTogether(kit, user, { writers: 1, pushes: 3, ops: 3 });
      const headers = { accept: 'application/msgpack' };
      const answer = await kit.http.send('GET', `/memories/sync/updates?limit=5&cursor=${cursor}`, {
        token: user.token,
        headers,
      });
      expectEqual('status and type', [answer.status, answer.headers.get('content-type')], [200, 'application/msgpack']);
      const { frame } = decodeFrame(answer.bytes, 'binary');
      expectMembers('frame', frame, { type: 'DELTA', from, to: from + 5, head: from + 9 });
      const next = expectSome('the header sync-cursor', answer.headers.get('sync-cursor'));
      const rest = await pull(kit, user, `form=events&cursor=${encodeURIComponent(next)}`);
      expectEqual(
        'seqs that follow',
        rest.events?.map(({ seq }) => seq),
        [from + 6, from + 7, from + 8, from + 9],
      );
    },
    onceOnly,
  ),

  check(
    '[SYN-5] updates gives the present state of what changed after the cursor, each memory once',
    async (kit) => {
      const user = await kit.user();
      const cursor = await cursorAtHead(kit, user);
      const writer = await kit.join(user);
      const [kept, gone] = [newMemoryId(), newMemoryId()];
      await writer.write({ memoryId: kept, writes: creation('first') }, { memoryId: gone, writes: creation('gone') });
      await writer.write({ memoryId: newMemoryId(), writes: [set('content', 'of nothing')] });
      await writer.write(
        { memoryId: gone, writes: [set('deleted', true)] },
        { memoryId: kept, writes: [set('content', 'second')] },
      );
      const page = await pull(kit, user, `cursor=${cursor}`);
      const changes = (page.changes ?? []).map(({ id, seq, deleted, memory }) => [id, seq, deleted, memory?.content ?? null]);
      const head = writer.cursor;
      const byId = (entries: readonly (readonly unknown[])[]) =>
        entries.toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
      expectEqual(
        'changes',
        byId(changes),
        byId([
          [gone, head - 1, true, null],
          [kept, head, false, 'second'],
        ]),
      );
      expectMembers('page', page, { head, done: true });
      expectEqual('changes after that', (await pull(kit, user, `cursor=${page.cursor}`)).changes, []);
    },
    onceOnly,
  ),

  check(
    '[SYN-5] cursors that are garbage are 400, of another user 409',
    async (kit) => {
      const [user, other] = [await kit.user(), await kit.user()];
      const garbage = await kit.http.send('GET', '/memories/sync/updates?cursor=rubbish', { token: user.token });
      expectProblem(garbage, 400, 'invalid_request');
      const cursor = await cursorAtHead(kit, other);
      expectProblem(
        await kit.http.send('GET', `/memories/sync/updates?cursor=${cursor}`, { token: user.token }),
        409,
        'epoch_mismatch',
      );
    },
    onceOnly,
  ),

  check(
    '[SYN-3] [LOG-2] a push over HTTP is answered with its events, again and again with the same',
    async (kit) => {
      const user = await kit.user();
      const base = await kit.head(user);
      const client = createPusher(kit, user);
      const id = newMemoryId();
      const body = client.body(1, base, [
        { memoryId: id, writes: creation('over HTTP') },
        { memoryId: newMemoryId(), writes: [set('content', 'of nothing')] },
        { memoryId: id, writes: [set('confidence', 2)] },
      ]);
      const first = await client.push(200, body);
      expectMembers('answer', first, { acked: 3, head: base + 3 });
      const verdicts = first.events.map(({ seq, counter, outcome, code }) => [seq, counter, code ?? outcome]);
      expectEqual('events', verdicts, [
        [base + 1, 1, 'applied'],
        [base + 2, 2, 'unknown_memory'],
        [base + 3, 3, 'invalid_value'],
      ]);
      expectEqual('answer to the same push', await client.push(200, body), first);
      expectEqual('head of the log', await kit.head(user), base + 3);
    },
    onceOnly,
  ),

  check(
    '[LOG-2] a gap over HTTP is 409 counter_gap with what is expected, a base above the head 409 cursor_ahead',
    async (kit) => {
      const user = await kit.user();
      const base = await kit.head(user);
      const client = createPusher(kit, user);
      const op = { memoryId: newMemoryId(), writes: creation('too far') };
      const gap = await client.push<Record<string, unknown>>(409, client.body(5, base, [op]));
      expectMembers('problem', gap, { code: 'counter_gap', expected: 1 });
      const ahead = await client.push<Record<string, unknown>>(409, client.body(1, base + 9, [op]));
      expectMembers('problem', ahead, { code: 'cursor_ahead' });
      expectEqual('head of the log', await kit.head(user), base);
    },
    onceOnly,
  ),

  check(
    '[SEC-2] a malformed push over HTTP is 400 and names the field; nothing of it is written',
    async (kit) => {
      const user = await kit.user();
      const base = await kit.head(user);
      const client = createPusher(kit, user);
      const body = client.body(1, base, [{ memoryId: newMemoryId(), writes: creation('fine') }]);
      const bad = { ...body, ops: [...body.ops, { ...body.ops[0], patch: [{ op: 'add', path: '/nonsense', value: 1 }] }] };
      const problem = await client.push<{ code: string; errors?: { path: string }[] }>(400, bad);
      expectEqual('code', problem.code, 'invalid_request');
      expectThat(
        problem.errors?.some(({ path }) => path.includes('1')) === true,
        'the second op among the errors',
        problem.errors,
      );
      expectEqual('head of the log', await kit.head(user), base);
    },
    onceOnly,
  ),

  check('[SYN-3] what is pushed over HTTP reaches the sockets, and counts for the same device on the socket', async (kit) => {
    const user = await kit.user();
    const [reader, base] = [await kit.join(user), await kit.head(user)];
    const client = createPusher(kit, user);
    await client.push(200, client.body(1, base, [{ memoryId: newMemoryId(), writes: creation('over HTTP') }]));
    await reader.reach(base + 1);
    expectMembers('event', reader.event(base + 1), { device: client.device, counter: 1 });
    const device = kit.device(user, { id: client.device });
    const { lastCounter } = await device.connect({ cursor: base + 1, lastCounter: 1 });
    expectEqual('lastCounter on the socket', lastCounter, 1);
    device.cursor = base + 1;
    await device.write({ memoryId: newMemoryId(), writes: creation('over the socket') });
    const late = client.body(4, base, [{ memoryId: newMemoryId(), writes: creation('too far') }]);
    expectMembers('problem', await client.push<Record<string, unknown>>(409, late), { code: 'counter_gap', expected: 3 });
  }),

  check(
    '[SYN-9] a revoked device is refused over HTTP with 403 device_revoked',
    async (kit) => {
      const user = await kit.user();
      const client = createPusher(kit, user);
      await client.push(200, client.body(1, await kit.head(user), [{ memoryId: newMemoryId(), writes: creation('before') }]));
      await kit.http.expect(204, 'DELETE', `/auth/devices/${client.device}`, { token: user.token });
      const refused = await client.push<Record<string, unknown>>(
        403,
        client.body(2, 0, [{ memoryId: newMemoryId(), writes: creation('after') }]),
      );
      expectEqual('code', refused['code'], 'device_revoked');
    },
    onceOnly,
  ),

  check(
    '[SYN-2] hello over HTTP welcomes as the socket does, with the cursor for updates',
    async (kit) => {
      const user = await kit.user();
      const writer = await kit.join(user);
      await writer.write({ memoryId: newMemoryId(), writes: creation('pulled') });
      const device = kit.device(user);
      const answer = await sayHello(kit, user, device, { cursor: writer.cursor - 1 });
      const { epoch } = writer;
      expectMembers('answer', answer, { type: 'WELCOME', protocol: 1, epoch, head: writer.cursor, lastCounter: 0 });
      const page = await pull(kit, user, `form=events&device=${device.id}&cursor=${expectSome('a cursor', answer['cursor'])}`);
      expectEqual(
        'seqs after that cursor',
        page.events?.map(({ seq }) => seq),
        [writer.cursor],
      );
    },
    onceOnly,
  ),

  check(
    '[SYN-5] hello over HTTP answers RESET as the socket does',
    async (kit) => {
      const user = await kit.user();
      const writer = await kit.join(user);
      await writer.write({ memoryId: newMemoryId(), writes: creation('x') }, { memoryId: newMemoryId(), writes: creation('y') });
      const head = writer.cursor;
      const ahead = await sayHello(kit, user, kit.device(user), { cursor: head + 7 });
      expectMembers('answer to a cursor above the head', ahead, { type: 'RESET', code: 'cursor_ahead', head, shared: null });
      const other = await sayHello(kit, user, kit.device(user), { epoch: randomUUID() });
      expectMembers('answer to another epoch', other, { type: 'RESET', code: 'epoch_mismatch', epoch: writer.epoch, shared: 0 });
      const clone = kit.device(user, { id: writer.id });
      expectMembers('answer to a clone', await sayHello(kit, user, clone, { cursor: head }), {
        type: 'RESET',
        code: 'device_forked',
      });
    },
    onceOnly,
  ),

  check(
    '[SYN-2] hello over HTTP refuses another version with 400, a revoked device with 403',
    async (kit) => {
      const user = await kit.user();
      const device = await kit.join(user);
      const { type: _, token: __, ...hello } = device.hello();
      const answerTo = (body: object) => kit.http.send('POST', '/memories/sync/hello', { token: user.token, body });
      expectProblem(await answerTo({ ...hello, protocol: 99 }), 400, 'unsupported_protocol');
      expectProblem(await answerTo({ ...hello, cursor: -1 }), 400, 'invalid_request');
      await kit.http.expect(204, 'DELETE', `/auth/devices/${device.id}`, { token: user.token });
      expectProblem(await answerTo(hello), 403, 'device_revoked');
    },
    onceOnly,
  ),

  check(
    '[SYN-5] a snapshot over HTTP names the cursor for the updates behind it; one at a later head is cursor_ahead',
    async (kit) => {
      const user = await kit.user();
      const writer = await kit.join(user);
      await writer.write({ memoryId: newMemoryId(), writes: creation('in the snapshot') });
      const { token } = user;
      const page = await kit.http.send('GET', '/memories/sync/snapshot?limit=1', { token });
      const cursor = expectSome('the header sync-cursor', page.headers.get('sync-cursor'));
      await writer.write({ memoryId: newMemoryId(), writes: creation('behind it') });
      const behind = await pull(kit, user, `form=events&cursor=${encodeURIComponent(cursor)}`);
      expectEqual(
        'seqs behind the snapshot',
        behind.events?.map(({ seq }) => seq),
        [writer.cursor],
      );
      const ahead = await kit.http.send('GET', `/memories/sync/snapshot?at=${writer.cursor + 5}`, { token });
      expectProblem(ahead, 409, 'cursor_ahead');
    },
    onceOnly,
  ),

  check(
    '[SYN-5] the snapshot over HTTP holds what the one on the socket holds, page by page, in JSON and binary',
    async (kit) => {
      const user = await kit.user();
      const writer = await kit.join(user);
      await writer.write(...Array.from({ length: 25 }, (_, n) => ({ memoryId: newMemoryId(), writes: creation(`paged ${n}`) })));
      const reader = kit.device(user, { flags: 2 });
      await reader.connect();
      await reader.catchUp();
      const expected = reader.snapshots.flatMap(({ memories }) => memories);
      for (const accept of ['application/json', 'application/msgpack']) {
        const got: unknown[] = [];
        let query = 'limit=10';
        for (let pages = 0; query !== ''; pages++) {
          expectThat(pages < 1_000, 'an end of the pages', pages);
          const frame = await pullSnapshot(kit, user, query, accept);
          expectEqual('at', frame.at, writer.cursor);
          got.push(...frame.memories);
          query = frame.next === null ? '' : `limit=10&at=${frame.at}&after=${frame.next}`;
        }
        expectEqual(`memories as ${accept}`, got, expected);
      }
    },
    onceOnly,
  ),
];

interface Page {
  readonly changes?: readonly {
    readonly id: string;
    readonly seq: number;
    readonly deleted: boolean;
    readonly memory?: { readonly content: string };
  }[];
  readonly events?: readonly JsonEvent[];
  readonly cursor: string;
  readonly head: number;
  readonly done: boolean;
}

const pull = (kit: CheckContext, { token }: KitUser, query: string): Promise<Page> =>
  kit.http.expect<Page>(200, 'GET', `/memories/sync/updates?${query}`, { token });

/** Through all pages, as a caller has to who keeps no seqs. */
async function cursorAtHead(kit: CheckContext, user: KitUser): Promise<string> {
  let page = await pull(kit, user, 'limit=1000');
  while (!page.done) page = await pull(kit, user, `limit=1000&cursor=${page.cursor}`);
  return page.cursor;
}

async function pullSnapshot(kit: CheckContext, { token }: KitUser, query: string, accept: string) {
  const answer = await kit.http.send('GET', `/memories/sync/snapshot?${query}`, { token, headers: { accept } });
  expectEqual(`status of a snapshot page (${show(answer.json)})`, answer.status, 200);
  const { frame } = decodeFrame(answer.bytes, accept === 'application/json' ? 'text' : 'binary');
  expectThat(frame.type === 'SNAPSHOT', 'a SNAPSHOT', frame);
  return frame;
}

async function sayHello(kit: CheckContext, user: KitUser, device: Device, more: object): Promise<Record<string, unknown>> {
  const { type: _, token: __, ...hello } = device.hello();
  const body = { ...hello, ...more };
  return await kit.http.expect(200, 'POST', '/memories/sync/hello', { token: user.token, body });
}

interface Pushed {
  readonly acked: number;
  readonly head: number;
  readonly events: readonly JsonEvent[];
}

function createPusher(kit: CheckContext, { token }: KitUser) {
  const device = randomUUID() as DeviceId;
  const toOp = ({ memoryId, writes }: NewOp, n: number) => ({
    memoryId,
    hlc: hlcToString({ ms: Date.now(), count: n }),
    patch: changeToPatch({ writes: writes as readonly Write[] }),
  });
  return {
    device,
    body: (firstCounter: number, base: number, ops: readonly NewOp[]) => ({ device, firstCounter, base, ops: ops.map(toOp) }),
    push: <T = Pushed>(status: number, body: object): Promise<T> =>
      kit.http.expect<T>(status, 'POST', '/memories/sync/push', { token, body }),
  };
}

function expectProblem(answer: { readonly status: number; readonly json: unknown }, status: number, code: string): void {
  const problem = (answer.json ?? {}) as { readonly code?: string };
  expectEqual('status and code', [answer.status, problem.code], [status, code]);
}
