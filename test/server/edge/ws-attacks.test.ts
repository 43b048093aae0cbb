/** Sockets that misbehave: what they may cost, and that nobody else notices. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DeviceId } from '../../../src/core/ids.ts';
import { serverDeviceId } from '../../../src/core/ids.ts';
import { packClientFrame } from '../../../src/protocol/binary-codec.ts';
import type { Hello } from '../../../src/protocol/frames.ts';
import { sessionLimits } from '../../../src/server/edge/ws-connection.ts';
import { creation, newMemoryId, op, setting } from '../../support/append.ts';
import { describeOnEachEngine } from '../../support/databases.ts';
import { TestDevice, type TestDeviceOptions } from '../../support/device.ts';
import { send } from '../../support/http.ts';
import { openRawSocket } from '../../support/raw-socket.ts';
import { startTestServer, type TestServer, type TestUser } from '../../support/server.ts';

describeOnEachEngine('misbehaving sockets', (open) => {
  let server: TestServer;
  /** What the server's clock is ahead, ms. */
  let aheadMs = 0;
  beforeAll(async () => {
    server = await startTestServer({ database: await open(), now: () => Date.now() + aheadMs });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const deviceOf = (user: TestUser, options: Partial<TestDeviceOptions> = {}): TestDevice =>
    new TestDevice({ url: server.url, token: user.token, ...options });
  const helloOf = (user: TestUser, device: string, more: Partial<Hello> = {}): Hello => ({
    ...{
      type: 'HELLO',
      protocol: 1,
      flags: 0,
      device: device as DeviceId,
      epoch: null,
      cursor: 0,
      lastCounter: 0,
      token: user.token,
      now: 0,
    },
    ...more,
  });

  it('[SYN-8] one that asks without end and reads nothing is not read either', async () => {
    const user = await server.register();
    const flood = await openRawSocket(server.url);
    flood.pause();
    // With HELLO, so that it is not closed for the want of one.
    const hello = packClientFrame(helloOf(user, randomUUID()));
    const header = Buffer.from([0x82, 0xfe, hello.length >> 8, hello.length & 0xff, 0, 0, 0, 0]);
    flood.write(Buffer.concat([header, hello]));
    // Each PING is owed a PONG, which is larger. Read without bound, the server would come to hold all of them.
    const ping = Buffer.from([0x82, 0x82, 0, 0, 0, 0, ...packClientFrame({ type: 'PING' })]);
    const chunk = Buffer.alloc(64_000, ping);
    const chunks = 500;
    let taken = 0;
    const writeNext = (error?: Error | null): void => {
      if (error || taken === chunks) return;
      taken++;
      flood.write(chunk, writeNext);
    };
    writeNext();
    const other = await deviceOf(user).connect();
    let before = 0;
    for (let same = 0; same < 50; ) {
      const from = other.frames.length;
      other.send({ type: 'PING' });
      await other.untilFrame('PONG', from);
      same = taken === before ? same + 1 : 0;
      before = taken;
    }
    expect(taken).toBeLessThan(chunks);
    await other.write(newMemoryId(), creation('meanwhile')).untilCaughtUp();
    flood.destroy();
    other.cut();
  });

  it('[SYN-7] one that leaves before HELLO is answered leaves no listener behind', async () => {
    const user = await server.register();
    for (let i = 0; i < 10; i++) {
      const device = await deviceOf(user).open();
      device.send(helloOf(user, device.replica.device));
      // Long enough on the way that the server has read it, and gone before it can answer.
      const { socket } = device;
      if (socket === null) throw new Error('open');
      socket.close();
      await once(socket, 'close');
    }
    // Their HELLOs have been worked off: this one came after them, and appends are written in order.
    const last = await deviceOf(user).connect();
    await last.write(newMemoryId(), creation('x')).untilCaughtUp();
    last.socket?.close();
    await last.until(() => last.closeCode !== null, 'closed');
    await send('GET', `${server.url}/api/v1/auth/me`, { token: user.token });
    expect(server.deps.hub.listenedUsers()).not.toContain(user.user.id);
  });

  it('[SEC-3] frames of the limit are taken, beyond twice the limit the socket ends', async () => {
    const user = await server.register();
    const device = await deviceOf(user, { form: 'text' }).open();
    device.sendRaw(`{"type":"PING","x":"${'y'.repeat(sessionLimits.maxFrameBytes - 22)}"}`);
    await device.untilFrame('PONG');
    device.sendRaw(' '.repeat(2 * sessionLimits.maxFrameBytes + 1));
    await device.until(() => device.closeCode === 1009, 'closed');
  });

  it('[SEC-3] garbage without end is closed', async () => {
    const user = await server.register();
    const device = await deviceOf(user).open();
    for (let i = 0; i < sessionLimits.maxErrors; i++) device.sendRaw(Uint8Array.of(0xc1));
    await device.until(() => device.closeCode === 4400, 'closed');
    expect(device.frames.every((frame) => frame.type === 'ERROR')).toBe(true);
  });

  it('[SYN-1] a socket that has not said HELLO gets no DELTA, and its PUSH writes nothing', async () => {
    const user = await server.register();
    const silent = await deviceOf(user).open(`?token=${user.token}`);
    silent.send({ type: 'PUSH', firstCounter: 1, base: 0, ops: [op(newMemoryId(), creation('x'))] });
    expect(await silent.untilFrame('ERROR')).toMatchObject({ code: 'hello_expected' });
    const writer = await deviceOf(user).connect();
    await writer.write(newMemoryId(), creation('seen by others')).untilCaughtUp();
    silent.send({ type: 'PING' });
    await silent.untilFrame('PONG');
    expect(silent.frames.map((frame) => frame.type)).toEqual(['ERROR', 'PONG']);
    expect(writer.replica.cursor).toBe(1);
    silent.cut();
    writer.cut();
  });

  it('[SEC-2] HELLO twice is an error, frames behind it wait for its answer in their order', async () => {
    const user = await server.register();
    const device = await deviceOf(user).open();
    const hello = helloOf(user, device.replica.device);
    device.send(hello);
    for (let i = 1; i <= 40; i++)
      device.send({ type: 'PUSH', firstCounter: i, base: 0, ops: [op(newMemoryId(), creation(`${i}`))] });
    await device.until(() => device.frames.some((frame) => frame.type === 'DELTA' && frame.acked === 40), 'all acked');
    expect(device.frames.filter((frame) => frame.type === 'ERROR')).toEqual([]);
    device.send(hello);
    expect(await device.untilFrame('ERROR')).toMatchObject({ code: 'invalid_frame' });
    device.cut();
  });

  it('[SEC-1] the id of another user’s device is this user’s own device, and speaks for nobody else', async () => {
    const [owner, thief] = [await server.register(), await server.register()];
    const theirs = await deviceOf(owner, { device: owner.device.id }).connect();
    await theirs.write(newMemoryId(), creation('private')).untilCaughtUp();
    const stolen = await deviceOf(thief, { device: owner.device.id }).connect();
    expect(await stolen.untilFrame('WELCOME')).toMatchObject({ head: 0, lastCounter: 0 });
    await stolen.write(newMemoryId(), creation('of the thief')).untilCaughtUp();
    expect(theirs.replica.cursor).toBe(1);
    await theirs.write(newMemoryId(), creation('second')).untilCaughtUp();
    expect([theirs.replica.cursor, stolen.replica.cursor]).toEqual([2, 1]);
    theirs.cut();
    stolen.cut();
  });

  it('[SEC-1] nobody speaks as the server’s own replica', async () => {
    const user = await server.register();
    const device = await deviceOf(user, { device: serverDeviceId }).connect();
    await device.until(() => device.closeCode === 4403, 'closed');
    expect(device.frames.map((frame) => frame.type)).toEqual(['ERROR']);
  });

  it('[SYN-9] a revoked device is closed at once and refused from then on, others of the user go on', async () => {
    const user = await server.register();
    const other = await deviceOf(user, { device: user.device.id }).connect();
    const device = await deviceOf(user).connect();
    await device.untilFrame('WELCOME');
    await other.untilFrame('WELCOME');
    const answer = await send('DELETE', `${server.url}/api/v1/auth/devices/${device.replica.device}`, { token: user.token });
    expect(answer.status).toBe(204);
    await device.until(() => device.closeCode === 4403, 'closed');
    await device.connect();
    await device.until(() => device.closeCode === 4403, 'refused');
    await other.write(newMemoryId(), creation('goes on')).untilCaughtUp();
    other.cut();
  });

  it('[SYN-9] a token that expires closes the open socket within seconds', async () => {
    const user = await server.register();
    const device = await deviceOf(user).connect();
    await device.untilFrame('WELCOME');
    try {
      aheadMs = 16 * 60_000;
      await device.until(() => device.closeCode === 4401, 'closed');
      await device.connect();
      await device.until(() => device.closeCode === 4401, 'refused');
    } finally {
      aheadMs = 0;
    }
  });

  it('[SEC-2] content of 1 MB, lone surrogates, prototype keys and numbers without end are refused, op by op or as a frame', async () => {
    const user = await server.register();
    const device = await deviceOf(user, { form: 'text' }).connect();
    await device.untilFrame('WELCOME');
    const first = [
      { op: 'add', path: '/content', value: 'x' },
      { op: 'add', path: '/type', value: 'fact' },
      { op: 'add', path: '/scope', value: 'user_global' },
    ];
    const bad = [
      [...first, { op: 'add', path: '/content', value: 'x'.repeat(900_000) }],
      [...first, { op: 'add', path: '/content', value: '\ud800' }],
      [...first, { op: 'add', path: '/tags/__proto__', value: true }],
      [...first, { op: 'add', path: '/source', value: JSON.parse('{"__proto__": {"polluted": true}}') as unknown }],
      [...first, { op: 'add', path: '/source', value: { constructor: { prototype: {} } } }],
      [...first, { op: 'add', path: '/confidence', value: null }, { op: 'add', path: '/type', value: '__proto__' }],
      [...first, { op: 'add', path: '/deleted', value: 'true' }],
      [...first, { op: 'add', path: '/source', value: 'deep' }],
    ];
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    const ops = bad.map((patch) => ({ memoryId: newMemoryId(), hlc: '1764000000000-0', patch }));
    device.sendRaw(JSON.stringify({ type: 'PUSH', firstCounter: 1, base: 0, ops }).replace('"deep"', deep));
    const delta = await device.untilFrame('DELTA');
    expect(delta.acked).toBe(ops.length);
    expect(delta.events.map((event) => event.code)).toEqual(ops.map(() => 'invalid_value'));
    // 1e400 is Infinity to JSON.parse.
    const infinite = JSON.stringify({ ...ops[0], patch: [...first, { op: 'add', path: '/confidence', value: 0 }] }).replace(
      '"value":0}',
      '"value":1e400}',
    );
    device.sendRaw(`{"type":"PUSH","firstCounter":${ops.length + 1},"base":0,"ops":[${infinite}]}`);
    await device.until(() => device.frames.some((frame) => frame.type === 'DELTA' && frame.acked === ops.length + 1), 'acked');
    expect(device.replica.rows.size).toBe(0);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
    device.cut();
  });

  it('[LOG-2] one device on two sockets at once: every op is one event, whichever socket was first', async () => {
    const user = await server.register();
    const id = randomUUID();
    const sockets = await Promise.all([1, 2].map(async () => await deviceOf(user, { device: id }).open()));
    for (const socket of sockets) socket.send(helloOf(user, id));
    for (const socket of sockets) await socket.untilFrame('WELCOME');
    const ops = Array.from({ length: 50 }, (_, i) => op(newMemoryId(), creation(`${i}`)));
    for (const [i, each] of ops.entries())
      for (const socket of sockets) socket.send({ type: 'PUSH', firstCounter: i + 1, base: 0, ops: [each] });
    for (const socket of sockets) {
      await socket.until(() => socket.frames.some((frame) => frame.type === 'DELTA' && frame.acked === ops.length), 'all acked');
    }
    const observer = await (await deviceOf(user).connect()).untilCaughtUp();
    expect([observer.replica.cursor, observer.replica.rows.size]).toEqual([50, 50]);
    for (const device of [...sockets, observer]) device.cut();
  });

  it('[MRG-5] two devices that deleted and edited offline converge: hidden, with the edit kept', async () => {
    const user = await server.register();
    const [one, two] = [deviceOf(user), deviceOf(user, { form: 'text' })];
    const id = newMemoryId();
    await (await one.connect()).write(id, creation('before')).untilCaughtUp();
    await (await two.connect()).until(() => two.replica.cursor === 1, 'bootstrapped');
    one.cut();
    two.cut();
    one.write(id, setting('deleted', true));
    two.write(id, setting('content', 'edited meanwhile'));
    await (await one.connect()).untilCaughtUp();
    await (await two.connect()).until(() => two.replica.cursor === 3, 'both');
    await one.until(() => one.replica.cursor === 3, 'both');
    expect(one.replica.rows.get(id)).toMatchObject({ deleted: true, content: 'edited meanwhile' });
    expect([...one.replica.rows]).toEqual([...two.replica.rows]);
    one.cut();
    two.cut();
  });
});
