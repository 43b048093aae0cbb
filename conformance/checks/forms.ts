/** The two forms of the frames, and what may stand in them. */
import { idToBytes } from '../../src/core/ids.ts';
import { pack } from '../../src/protocol/message-pack.ts';
import { type Check, check } from '../check.ts';
import { expectEqual, expectSome, expectThat } from '../expect.ts';
import type { FrameForm } from '../frame-io.ts';
import { creation, newMemoryId, set } from '../writes.ts';

export const formChecks: readonly Check[] = [
  check('[SYN-1] PING is answered by PONG, in the same form', async (kit) => {
    const device = await kit.join(await kit.user());
    device.peer.send({ type: 'PING' });
    const { frame, form } = await device.peer.nextReceived('PONG');
    expectEqual('answer to PING', [frame.type, form], ['PONG', kit.form]);
  }),

  check('[SYN-1] every frame comes in the form that the device speaks', async (kit) => {
    const device = await kit.join(await kit.user());
    await device.write({ memoryId: newMemoryId(), writes: creation('in kind') });
    device.peer.sendRaw(kit.form === 'binary' ? Uint8Array.of(0xc1) : '{');
    await device.peer.expectError('invalid_frame', 'no frame');
    const forms = new Set(device.peer.received.map(({ frame, form }) => `${frame.type} ${form}`));
    expectEqual(
      'frames',
      [...forms],
      ['WELCOME', 'DELTA', 'ERROR'].map((type) => `${type} ${kit.form}`),
    );
  }),

  check(
    '[SYN-1] the server answers in the form it was last spoken to, also when the device changes it',
    async (kit) => {
      const user = await kit.user();
      const device = await kit.join(user, { form: 'binary' });
      for (const form of ['text', 'binary', 'text'] satisfies FrameForm[]) {
        device.peer.send({ type: 'PING' }, form);
        const pong = await device.peer.nextReceived('PONG');
        expectEqual('answer to PING', [pong.frame.type, pong.form], ['PONG', form]);
        const body = { content: `asked in ${form}`, type: 'fact', scope: 'user_global' };
        await kit.http.expect(201, 'POST', '/memories', { token: user.token, body });
        const delta = await device.peer.nextReceived('DELTA');
        expectEqual('what comes by itself', [delta.frame.type, delta.form], ['DELTA', form]);
      }
    },
    { form: 'none' },
  ),

  check('[SYN-1] PONG is taken and answered by nothing', async (kit) => {
    const device = await kit.join(await kit.user());
    device.peer.send({ type: 'PONG', now: 1 });
    expectEqual('frames that follow', await device.peer.settle(), []);
  }),

  check(
    '[SYN-1] unknown members of a JSON frame are ignored',
    async (kit) => {
      const user = await kit.user();
      const device = kit.device(user);
      device.cursor = await kit.head(user);
      const peer = await device.open();
      const later = { later: { nested: [1, 'x', null] } };
      peer.sendRaw(JSON.stringify({ ...device.hello(), ...later }));
      await device.welcome();
      const { counter, memoryId } = device.stamp({ memoryId: newMemoryId(), writes: creation('known members') });
      const patch = creation('known members').map(({ register, value }) => ({
        op: 'add',
        path: `/${register}`,
        value,
        ...later,
      }));
      const op = { memoryId, hlc: `${Date.now()}-0`, patch, ...later };
      peer.sendRaw(JSON.stringify({ type: 'PUSH', firstCounter: counter, base: device.cursor, ops: [op], ...later }));
      await device.until(() => device.acked === counter, 'the ack');
      expectEqual('outcome', device.ownEvent(counter)?.outcome, 'applied');
      peer.sendRaw(JSON.stringify({ type: 'PING', ...later }));
      expectEqual('answer to PING', (await peer.next()).type, 'PONG');
    },
    { form: 'text' },
  ),

  check(
    '[SYN-1] a JSON HELLO may leave out flags, epoch and resume',
    async (kit) => {
      const user = await kit.user();
      const device = kit.device(user);
      const peer = await device.open();
      const { protocol, device: id, lastCounter, token, now } = device.hello();
      peer.sendRaw(
        JSON.stringify({ type: 'HELLO', protocol, device: id, cursor: await kit.head(user), lastCounter, token, now }),
      );
      await device.welcome();
    },
    { form: 'text' },
  ),

  check(
    '[SYN-1] replace writes as add does, remove writes the empty value, tags take JSON Pointer escapes',
    async (kit) => {
      const user = await kit.user();
      const device = await kit.join(user);
      const memoryId = newMemoryId();
      await device.write({
        memoryId,
        writes: creation('before', set('confidence', 0.5), set('tags/a', true), set('source', { url: 'https://example.org/' })),
      });
      const { counter, hlc } = device.stamp({ memoryId, writes: [] });
      const patch = [
        { op: 'replace', path: '/content', value: 'after' },
        { op: 'remove', path: '/confidence' },
        { op: 'remove', path: '/source' },
        { op: 'remove', path: '/tags/a' },
        { op: 'add', path: '/tags/b~1c~0d', value: true },
      ];
      const op = { memoryId, hlc: `${hlc.ms}-${hlc.count}`, patch };
      device.peer.sendRaw(JSON.stringify({ type: 'PUSH', firstCounter: counter, base: device.cursor, ops: [op] }));
      await device.until(() => device.acked === counter, 'the ack');
      const reader = await kit.reader(user);
      const memory = expectSome('the memory', reader.replica.get(memoryId));
      const { content, confidence, source, tags } = memory;
      expectEqual(
        'memory',
        { content, confidence, source, tags },
        { content: 'after', confidence: null, source: null, tags: ['b/c~d'] },
      );
    },
    { form: 'text' },
  ),

  check(
    '[SYN-1] any MessagePack form of a number reads the same',
    async (kit) => {
      const device = await kit.join(await kit.user());
      const memoryId = newMemoryId();
      const ms = device.now().ms;
      device.counter++;
      const ops = [[idToBytes(memoryId), 0, 0, [0, 'uint 64', 1, 1, 2, 0]]];
      const plain = pack([3, device.counter, device.cursor, ms, ops]);
      const wide = withUint64(plain, ms);
      device.sent.set(device.counter, {
        counter: device.counter,
        base: device.cursor,
        hlc: { ms, count: 0 },
        memoryId,
        change: { writes: creation('uint 64') },
      });
      device.peer.sendRaw(wide);
      await device.until(() => device.acked === device.counter, 'the ack');
      expectEqual('stamp', device.ownEvent(device.counter)?.hlc, { ms, count: 0 });
    },
    { form: 'binary' },
  ),

  check(
    '[SYN-11] deflated frames go to a device that takes them, and hold what plain ones hold',
    async (kit) => {
      const user = await kit.user();
      const writer = await kit.join(user);
      const from = writer.cursor;
      const notes = Array.from({ length: 60 }, (_, n) => ({
        memoryId: newMemoryId(),
        writes: creation(`the user prefers short answers in the morning, note ${n}`),
      }));
      await writer.write(...notes);
      const read = async (flags: number) => {
        const device = kit.device(user, { flags });
        device.cursor = from;
        await device.connect();
        return await device.catchUp();
      };
      const [plain, deflated] = [await read(0), await read(1)];
      expectThat(!plain.peer.received.some(({ isDeflated }) => isDeflated), 'no deflated frame without the flag');
      expectThat(
        deflated.peer.received.some(({ isDeflated }) => isDeflated),
        'a deflated frame with the flag',
      );
      expectEqual('events', [...deflated.events], [...plain.events]);
      const small = deflated.peer.received.filter(({ frame, isDeflated }) => isDeflated && frame.type !== 'DELTA');
      expectEqual(
        'small frames that were deflated',
        small.map(({ frame }) => frame.type),
        [],
      );
    },
    { form: 'binary' },
  ),
];

/** The same frame with its milliseconds as an unsigned 64-bit number. */
function withUint64(frame: Uint8Array, ms: number): Uint8Array {
  const float = Buffer.alloc(9);
  float[0] = 0xcb;
  float.writeDoubleBE(ms, 1);
  const wide = Buffer.alloc(9);
  wide[0] = 0xcf;
  wide.writeBigUInt64BE(BigInt(ms), 1);
  const at = Buffer.from(frame).indexOf(float);
  const bytes = Buffer.from(frame);
  expectThat(at >= 0, 'milliseconds as a float');
  wide.copy(bytes, at);
  return bytes;
}
