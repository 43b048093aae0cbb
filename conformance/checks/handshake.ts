/** HELLO, and what it is answered with. */
import { randomUUID } from 'node:crypto';
import type { DeviceId, Epoch } from '../../src/core/ids.ts';
import { type Check, check } from '../check.ts';
import { expectEqual, expectMembers, expectThat } from '../expect.ts';
import { creation, newMemoryId } from '../writes.ts';

export const handshakeChecks: readonly Check[] = [
  check('[SYN-2] HELLO is answered by WELCOME, with everything that it has to tell', async (kit) => {
    const device = kit.device(await kit.user());
    const welcome = await device.connect();
    expectEqual('protocol', welcome.protocol, 1);
    expectThat(welcome.floor <= welcome.head, 'a floor that is not above the head', welcome);
    expectEqual('lastCounter of a new device', welcome.lastCounter, 0);
    expectThat(welcome.tokenExpiresAt > welcome.now, 'a token that is valid for some time', welcome);
    const { maxFrameBytes, maxOps, maxInFlight } = welcome.limits;
    expectThat(maxFrameBytes > 0 && maxOps > 0 && maxInFlight > 0, 'limits above 0', welcome.limits);
  }),

  check(
    '[SYN-2] the log of a new user is empty: head 0, floor 0',
    async (kit) => {
      const device = kit.device(await kit.newUser());
      expectMembers('WELCOME', await device.connect(), { head: 0, floor: 0, lastCounter: 0 });
      expectEqual('frames that follow', await device.peer.settle(), []);
    },
    { form: 'none' },
  ),

  check('[SYN-2] every device and every connection is told the same epoch, and the newest seq as head', async (kit) => {
    const user = await kit.user();
    const writer = await kit.join(user);
    const [event] = await writer.write({ memoryId: newMemoryId(), writes: creation('known to all') });
    const other = await kit.device(user).connect();
    expectMembers('WELCOME of another device', other, { epoch: writer.epoch, head: event?.seq });
    const { epoch } = writer;
    writer.cut();
    expectMembers('WELCOME of another connection', await writer.connect(), { epoch, head: event?.seq });
  }),

  check('[SYN-2] WELCOME tells the last counter of this device in the log, and of no other', async (kit) => {
    const user = await kit.user();
    const device = await kit.join(user);
    await device.write(...[1, 2, 3].map((n) => ({ memoryId: newMemoryId(), writes: creation(`op ${n}`) })));
    device.cut();
    expectEqual('lastCounter', (await device.connect()).lastCounter, 3);
    expectEqual('lastCounter of another device', (await kit.device(user).connect()).lastCounter, 0);
  }),

  check('[SYN-2] a device that knows more ops than the log is welcomed, and told what the log holds', async (kit) => {
    const device = kit.device(await kit.user());
    expectEqual('lastCounter', (await device.connect({ lastCounter: 9 })).lastCounter, 0);
  }),

  check('[SYN-2] HELLO is welcome without an epoch, and with the right one', async (kit) => {
    const user = await kit.user();
    const device = kit.device(user);
    const { epoch } = await device.connect({ epoch: null });
    device.cut();
    expectEqual('epoch', (await device.connect({ epoch })).epoch, epoch);
  }),

  check('[SYN-2] another version is refused with the socket open, and HELLO may be said again', async (kit) => {
    const device = kit.device(await kit.user());
    const peer = await device.open();
    peer.send(device.hello({ protocol: 99 }));
    await peer.expectError('unsupported_protocol', 'protocol 99');
    peer.send(device.hello());
    await device.welcome();
  }),

  check('[SYN-2] another frame before HELLO is an error, writes nothing, and leaves the socket open', async (kit) => {
    const user = await kit.user();
    const device = kit.device(user);
    const before = await kit.head(user);
    const peer = await device.open();
    device.cursor = before;
    device.push({ memoryId: newMemoryId(), writes: creation('too early') });
    await peer.expectError('hello_expected', 'PUSH before HELLO');
    peer.send({ type: 'GOT', to: 0 });
    await peer.expectError('hello_expected', 'GOT before HELLO');
    peer.send({ type: 'AUTH', token: user.token });
    await peer.expectError('hello_expected', 'AUTH before HELLO');
    peer.send(device.hello());
    expectMembers('WELCOME', await device.welcome(), { head: before, lastCounter: 0 });
  }),

  check('[SYN-2] HELLO said twice is an error, and the conversation goes on', async (kit) => {
    const device = await kit.join(await kit.user());
    device.peer.send(device.hello());
    await device.peer.expectError('invalid_frame', 'the second HELLO');
    await device.write({ memoryId: newMemoryId(), writes: creation('goes on') });
  }),

  check('[SYN-2] frames sent right behind HELLO wait for its answer and are taken in their order', async (kit) => {
    const user = await kit.user();
    const device = kit.device(user);
    device.cursor = await kit.head(user);
    const peer = await device.open();
    peer.send(device.hello());
    const sent = Array.from({ length: 8 }, (_, n) => device.push({ memoryId: newMemoryId(), writes: creation(`early ${n}`) }));
    await device.welcome();
    const seqs = (await device.eventsOf(sent.flat())).map(({ seq }) => seq);
    expectEqual(
      'seqs in the order of the counters',
      seqs,
      seqs.toSorted((a, b) => a - b),
    );
  }),

  check('[SYN-2] a clone is told device_forked, and goes on under a new id on the same socket', async (kit) => {
    const user = await kit.user();
    const device = await kit.join(user);
    await device.write(
      { memoryId: newMemoryId(), writes: creation('one') },
      { memoryId: newMemoryId(), writes: creation('two') },
    );
    const clone = kit.device(user, { id: device.id });
    clone.cursor = device.cursor;
    const peer = await clone.open();
    peer.send(clone.hello({ lastCounter: 1, epoch: device.epoch }));
    const reset = await peer.expect('RESET', 'RESET device_forked');
    expectMembers('RESET', reset, { code: 'device_forked', epoch: device.epoch, head: device.cursor });
    peer.send(clone.hello({ lastCounter: 0, device: randomUUID() as DeviceId }));
    expectEqual('lastCounter of the new id', (await clone.welcome()).lastCounter, 0);
  }),

  check('[SYN-5] another epoch is told epoch_mismatch and the present one; HELLO may be said again', async (kit) => {
    const device = kit.device(await kit.user());
    const { epoch, head } = await device.connect();
    device.cut();
    const peer = await device.open();
    peer.send(device.hello({ epoch: randomUUID() as Epoch, cursor: 0 }));
    const reset = await peer.expect('RESET', 'RESET epoch_mismatch');
    expectMembers('RESET', reset, { code: 'epoch_mismatch', epoch, head });
    expectEqual('shared, of an epoch that was never here', reset.shared, 0);
    peer.send(device.hello({ epoch, cursor: 0 }));
    expectEqual('epoch', (await device.welcome()).epoch, epoch);
  }),

  check('[SYN-5] a cursor above the head is told cursor_ahead; HELLO may be said again', async (kit) => {
    const user = await kit.user();
    const device = kit.device(user);
    const head = await kit.head(user);
    const peer = await device.open();
    peer.send(device.hello({ cursor: head + 1 }));
    const reset = await peer.expect('RESET', 'RESET cursor_ahead');
    expectMembers('RESET', reset, { code: 'cursor_ahead', head, shared: null });
    peer.send(device.hello({ cursor: head }));
    expectEqual('head', (await device.welcome()).head, head);
  }),

  check('[SYN-5] of several reasons for a RESET the epoch comes first, then the cursor, then the counter', async (kit) => {
    const user = await kit.user();
    const first = await kit.join(user);
    await first.write({ memoryId: newMemoryId(), writes: creation('one') });
    const clone = kit.device(user, { id: first.id });
    const peer = await clone.open();
    const ahead = { cursor: first.cursor + 9, lastCounter: 0 };
    const codes: string[] = [];
    for (const wrong of [
      { ...ahead, epoch: randomUUID() as Epoch },
      { ...ahead, epoch: first.epoch },
      { ...ahead, epoch: first.epoch, cursor: first.cursor },
    ]) {
      peer.send(clone.hello(wrong));
      codes.push((await peer.expect('RESET')).code);
    }
    expectEqual('codes', codes, ['epoch_mismatch', 'cursor_ahead', 'device_forked']);
  }),

  check('[SYN-2] the nil UUID is the server’s own and speaks for no device', async (kit) => {
    const device = kit.device(await kit.user(), { id: '00000000-0000-0000-0000-000000000000' as DeviceId });
    const peer = await device.open();
    peer.send(device.hello());
    await peer.expect('ERROR', 'a refusal of the nil UUID');
    await peer.closed('of the nil UUID');
  }),

  check('[SYN-2] flag 2 of HELLO with a cursor is an error: a snapshot begins at 0', async (kit) => {
    const user = await kit.user();
    const writer = await kit.join(user);
    await writer.write({ memoryId: newMemoryId(), writes: creation('so that there is a cursor') });
    const device = kit.device(user);
    const peer = await device.open();
    peer.send(device.hello({ flags: 2, cursor: writer.cursor }));
    await peer.expectError('invalid_frame', 'flag 2 with a cursor');
    peer.send(device.hello({ flags: 0, cursor: writer.cursor }));
    await device.welcome();
  }),

  check(
    '[SYN-2] a socket that says no HELLO is closed after 10 s',
    async (kit) => {
      const peer = await kit.open();
      expectEqual('close code', await peer.closed('that said no HELLO', 10_000 + kit.timeoutMs), 4408);
    },
    { form: 'none', isSlow: true },
  ),

  check(
    '[SYN-2] a socket that says no HELLO after a RESET is closed after 10 s',
    async (kit) => {
      const device = kit.device(await kit.user());
      const peer = await device.open();
      peer.send(device.hello({ epoch: randomUUID() as Epoch }));
      await peer.expect('RESET');
      expectEqual('close code', await peer.closed('that said no HELLO after a RESET', 10_000 + kit.timeoutMs), 4408);
    },
    { form: 'none', isSlow: true },
  ),
];
