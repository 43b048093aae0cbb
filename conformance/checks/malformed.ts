/** Frames that are none: a typed ERROR, nothing written, the socket open. */
import { idToBytes } from '../../src/core/ids.ts';
import { pack } from '../../src/protocol/message-pack.ts';
import { type Check, type CheckContext, check } from '../check.ts';
import type { Device } from '../device.ts';
import { expectEqual } from '../expect.ts';
import type { KitUser } from '../users.ts';
import { creation, newMemoryId, set } from '../writes.ts';

type Data = Uint8Array | string;

export const malformedChecks: readonly Check[] = [
  binary('MessagePack extension types', () => [
    Uint8Array.of(0x91, 0xd4, 0x01, 0x00),
    Uint8Array.of(0x91, 0xc7, 0x01, 0x01, 0x00),
    Uint8Array.of(0x91, 0xd6, 0xff, 0x00, 0x00, 0x00, 0x00),
  ]),
  binary('nesting deeper than 8', () => [
    Uint8Array.of(...new Array<number>(9).fill(0x91), 0x0a),
    new Uint8Array(5_000).fill(0x91),
  ]),
  binary('bytes that are cut short', (device) => {
    const whole = wholePush(device);
    return [whole.subarray(0, whole.length - 1), whole.subarray(0, 3), new Uint8Array(0)];
  }),
  binary('bytes after the end', (device) => [
    Uint8Array.of(0x91, 0x0a, 0x00),
    Buffer.concat([wholePush(device), Uint8Array.of(0xc0)]),
  ]),
  binary('lengths that lie', () => [
    Uint8Array.of(0x95, 0x03, 0x01, 0x00, 0x00, 0xdd, 0xff, 0xff, 0xff, 0xff),
    Uint8Array.of(0x92, 0x07, 0xdb, 0xff, 0xff, 0xff, 0xff, 0x61),
    Uint8Array.of(0x92, 0x07, 0xc6, 0x7f, 0xff, 0xff, 0xff),
  ]),
  binary('bytes that are no MessagePack, and text that is no UTF-8', () => [
    Uint8Array.of(0xc1),
    Uint8Array.of(0x92, 0x07, 0xa2, 0xc3, 0x28),
  ]),
  binary('frames that only the server sends, and codes that are none', () => [
    pack([2, 1]),
    pack([4, 0, 0, null, null, [], []]),
    pack([99]),
    pack([]),
    pack({ type: 'PING' }),
  ]),
  binary('ids that have not 16 bytes, stamps out of bounds, registers that are none', (device) => {
    const id = idToBytes(newMemoryId());
    const push = (op: readonly unknown[]) => pack([3, device.counter + 1, device.cursor, 0, [op]]);
    return [
      push([id.subarray(0, 15), 0, 0, [0, 'x', 1, 1, 2, 0]]),
      push([id, 2 ** 48, 0, [0, 'x', 1, 1, 2, 0]]),
      push([id, 0, 2 ** 16, [0, 'x', 1, 1, 2, 0]]),
      push([id, 0, 0, [7, 'x']]),
      push([id, 0, 0, [0, 'x', 1]]),
      push([id, 0, 0, [0, 'x', 0, 'y']]),
    ];
  }),

  text('text that is no JSON, or no frame', () => [
    '{"type":',
    '',
    '[]',
    '"PING"',
    'null',
    '{}',
    '{"type":"NONSENSE"}',
    '{"type":7}',
  ]),
  text('JSON of any depth', () => [
    `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
    `${'{"a":'.repeat(2_000)}1${'}'.repeat(2_000)}`,
  ]),
  text('frames that only the server sends', () => ['{"type":"RESET"}', '{"type":"DELTA","from":0,"to":0,"head":0,"events":[]}']),
  text('members of the wrong type or out of bounds', (device) => [
    pushText(device, { firstCounter: 0 }),
    pushText(device, { firstCounter: '1' }),
    pushText(device, { base: -1 }),
    pushText(device, { base: 0.5 }),
    pushText(device, { ops: null }),
    '{"type":"PUSH","firstCounter":1e400,"base":0,"ops":[]}',
    '{"type":"GOT"}',
    '{"type":"GOT","to":"1"}',
    '{"type":"AUTH"}',
  ]),
  text('ids, stamps and paths that are none', (device) => [
    opText(device, { memoryId: 'no id' }),
    opText(device, { hlc: '99999999999999999-0' }),
    opText(device, { hlc: '0-65536' }),
    opText(device, { hlc: 'yesterday' }),
    opText(device, { patch: [{ op: 'add', path: '/seq', value: 1 }] }),
    opText(device, { patch: [{ op: 'add', path: '/__proto__/x', value: 1 }] }),
    opText(device, { patch: [{ op: 'add', path: '/tags/a/b', value: true }] }),
    opText(device, { patch: [{ op: 'move', path: '/content', from: '/type' }] }),
    opText(device, { patch: [{ op: 'add', path: '/createdAt', value: 'soon' }] }),
  ]),

  check(
    '[SEC-2] a malformed op refuses the whole frame: the good ones beside it are not applied',
    async (kit) => {
      const user = await kit.user();
      const device = await kit.join(user);
      const good = opOf({});
      const bad = opOf({ patch: [{ op: 'add', path: '/nonsense', value: 1 }] });
      device.peer.sendRaw(pushText(device, { ops: [good, bad, good] }));
      await device.peer.expectError('invalid_frame', 'a PUSH with one malformed op');
      await expectNothingWritten(kit, user, device);
    },
    { form: 'text' },
  ),

  check('[SEC-3] a PUSH of more ops than maxOps is refused as a whole', async (kit) => {
    const user = await kit.user();
    const device = kit.device(user);
    device.cursor = await kit.head(user);
    const { limits } = await device.connect();
    const memoryId = newMemoryId();
    const ops = Array.from({ length: limits.maxOps + 1 }, () => ({
      memoryId,
      hlc: { ms: 1, count: 0 },
      change: { writes: creation('x') },
    }));
    device.peer.send({ type: 'PUSH', firstCounter: 1, base: device.cursor, ops });
    await device.peer.expectError('invalid_frame', `${ops.length} ops`);
    await expectNothingWritten(kit, user, device);
  }),

  check('[SEC-3] a patch of more than 256 operations is refused', async (kit) => {
    const user = await kit.user();
    const device = await kit.join(user);
    const tags = Array.from({ length: 300 }, (_, n) => set(`tags/${n}`, true));
    const op = { memoryId: newMemoryId(), hlc: { ms: 1, count: 0 }, change: { writes: creation('x', ...tags) } };
    device.peer.send({ type: 'PUSH', firstCounter: 1, base: device.cursor, ops: [op] });
    await device.peer.expectError('invalid_frame', 'a patch of 303 operations');
    await expectNothingWritten(kit, user, device);
  }),

  check(
    '[SEC-3] a frame above maxFrameBytes gets frame_too_large with the socket open; one of just that size is read',
    async (kit) => {
      const user = await kit.user();
      const device = kit.device(user);
      device.cursor = await kit.head(user);
      const { limits } = await device.connect();
      device.peer.sendRaw(filler(kit, limits.maxFrameBytes));
      await device.peer.expectError('invalid_frame', `${limits.maxFrameBytes} bytes that are no frame`);
      device.peer.sendRaw(filler(kit, limits.maxFrameBytes + 1));
      await device.peer.expectError('frame_too_large', `${limits.maxFrameBytes + 1} bytes`);
      await expectNothingWritten(kit, user, device);
    },
  ),

  check('[SEC-3] a frame above twice maxFrameBytes closes the socket with 1009', async (kit) => {
    const device = kit.device(await kit.user());
    const { limits } = await device.connect();
    device.peer.sendRaw(filler(kit, 2 * limits.maxFrameBytes + 1));
    expectEqual('close code', await device.peer.closed('after a frame of twice the limit'), 1009);
  }),

  check('[SEC-3] a socket that sends malformed frames without end is closed with 4400', async (kit) => {
    const device = await kit.join(await kit.user());
    for (let sent = 0; sent < 30 && device.peer.isOpen; sent++)
      device.peer.sendRaw(kit.form === 'binary' ? Uint8Array.of(0xc1) : '{');
    expectEqual('close code', await device.peer.closed('after 30 malformed frames'), 4400);
    const errors = device.peer.received.filter(({ frame }) => frame.type === 'ERROR').length;
    expectEqual('malformed frames that were answered', errors, 20);
  }),
];

function binary(what: string, make: (device: Device) => readonly Data[]): Check {
  return check(title(what), (kit) => expectRefused(kit, what, make), { form: 'binary' });
}

function text(what: string, make: (device: Device) => readonly Data[]): Check {
  return check(title(what), (kit) => expectRefused(kit, what, make), { form: 'text' });
}

function title(what: string): string {
  return `[SYN-1] [SEC-2] ${what}: refused as invalid_frame, with the socket open`;
}

async function expectRefused(kit: CheckContext, what: string, make: (device: Device) => readonly Data[]): Promise<void> {
  const user = await kit.user();
  const device = await kit.join(user);
  for (const data of make(device)) {
    device.peer.sendRaw(data);
    await device.peer.expectError(
      'invalid_frame',
      `${what} (${typeof data === 'string' ? data.slice(0, 60) : Buffer.from(data.subarray(0, 20)).toString('hex')})`,
    );
  }
  await expectNothingWritten(kit, user, device);
}

/** The socket answers, and the log is as long as it was. */
async function expectNothingWritten(kit: CheckContext, user: KitUser, device: Device): Promise<void> {
  expectEqual('frames that follow', await device.peer.settle(), []);
  expectEqual('head of the log', await kit.head(user), device.cursor);
}

/** A whole and sound PUSH, if it were let be. */
function wholePush(device: Device): Uint8Array {
  const op = [idToBytes(newMemoryId()), 0, 0, [0, 'x', 1, 1, 2, 0]];
  return pack([3, device.counter + 1, device.cursor, 1_764_000_000_000, [op]]);
}

function opOf(change: object): object {
  const patch = creation('x').map(({ register, value }) => ({ op: 'add', path: `/${register}`, value }));
  return { memoryId: newMemoryId(), hlc: '1764000000000-0', patch, ...change };
}

function pushText(device: Device, change: object): string {
  return JSON.stringify({ type: 'PUSH', firstCounter: device.counter + 1, base: device.cursor, ops: [opOf({})], ...change });
}

const opText = (device: Device, change: object): string => pushText(device, { ops: [opOf(change)] });

/** So many bytes that are no frame. */
function filler({ form }: CheckContext, bytes: number): Data {
  return form === 'text' ? ' '.repeat(bytes) : new Uint8Array(bytes).fill(0xc1);
}
