/** What devices do over real sockets, in both forms of the frames. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { creation, newMemoryId, setting } from '../../support/append.ts';
import { describeOnEachEngine } from '../../support/databases.ts';
import { TestDevice, type TestDeviceOptions } from '../../support/device.ts';
import { send } from '../../support/http.ts';
import { startTestServer, type TestServer, type TestUser } from '../../support/server.ts';

describeOnEachEngine('sync over a socket', (open) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ database: await open() });
  });
  afterAll(async () => server[Symbol.asyncDispose]());

  const deviceOf = (user: TestUser, options: Partial<TestDeviceOptions> = {}): TestDevice =>
    new TestDevice({ url: server.url, token: user.token, ...options });
  const openConflicts = async (user: TestUser) =>
    (
      await send<{ conflicts: { register: string }[] }>('GET', `${server.url}/api/v1/conflicts?status=open`, {
        token: user.token,
      })
    ).body.conflicts;

  describe.each(['binary', 'text'] as const)('in %s frames', (form) => {
    it('[SYN-2] [SYN-3] HELLO is welcomed, and a PUSH is answered by a DELTA with its ack and effect', async () => {
      const user = await server.register();
      const device = await deviceOf(user, { form, device: user.device.id }).connect();
      const welcome = await device.untilFrame('WELCOME');
      expect(welcome).toMatchObject({
        protocol: 1,
        head: 0,
        floor: 0,
        lastCounter: 0,
        limits: { maxOps: 1_000, maxFrameBytes: 1_048_576 },
      });
      const id = newMemoryId();
      device.write(id, creation('likes green tea', setting('tags/tea', true)));
      const delta = await device.untilFrame('DELTA');
      expect(delta).toMatchObject({
        from: 0,
        to: 1,
        head: 1,
        acked: 1,
        events: [{ seq: 1, counter: 1, outcome: 'applied', memoryId: id }],
      });
      expect(delta.hash).toBe(device.replica.stateHash);
      expect(device.replica.outbox).toEqual([]);
      device.cut();
    });

    it('[SYN-1] [SYN-5] a new device bootstraps from cursor 0, resumes from its cursor, and hears of others at once', async () => {
      const user = await server.register();
      const writer = await deviceOf(user, { form, device: user.device.id }).connect();
      const ids = Array.from({ length: 30 }, newMemoryId);
      for (const [index, id] of ids.entries()) writer.write(id, creation(`memory ${index}`));
      await writer.untilCaughtUp();
      const reader = await deviceOf(user, { form }).connect();
      await reader.untilCaughtUp();
      expect(reader.replica.stateHash).toBe(writer.replica.stateHash);
      reader.cut();
      writer.write(ids[0] ?? newMemoryId(), setting('content', 'changed while the other was away'));
      await writer.untilCaughtUp();
      const before = reader.frames.length;
      await reader.connect();
      await reader.until(() => reader.replica.cursor === 31, 'resumed');
      const [piece] = reader.frames.slice(before).filter((frame) => frame.type === 'DELTA');
      expect(piece).toMatchObject({ from: 30, to: 31 });
      writer.write(ids[1] ?? newMemoryId(), setting('content', 'live'));
      await reader.until(() => reader.replica.cursor === 32, 'live');
      expect(reader.replica.stateHash).toBe(writer.replica.stateHash);
      expect(reader.replica.rows.get(ids[1] ?? newMemoryId())?.content).toBe('live');
      writer.cut();
      reader.cut();
    });

    it('[MRG-2] [MRG-3] [MRG-4] two devices that edited the same memory offline converge, and the loser is a conflict', async () => {
      const user = await server.register();
      const slow = deviceOf(user, { form, device: user.device.id, now: () => Date.now() - 3 * 3_600_000 });
      const fast = deviceOf(user, { form, now: () => Date.now() + 2 * 86_400_000 });
      const id = newMemoryId();
      await (await slow.connect()).write(id, creation('before')).untilCaughtUp();
      await (await fast.connect()).until(() => fast.replica.cursor === 1);
      slow.cut();
      fast.cut();
      slow.write(id, setting('content', 'by the slow clock'));
      fast.write(id, setting('content', 'by the fast clock'));
      expect(slow.replica.view(id)?.content).toBe('by the slow clock');
      await (await fast.connect()).until(() => fast.replica.cursor === 2);
      await (await slow.connect()).until(() => slow.replica.cursor === 3);
      await fast.until(() => fast.replica.cursor === 3);
      expect(slow.replica.view(id)?.content).toBe('by the fast clock');
      expect([...slow.replica.rows]).toEqual([...fast.replica.rows]);
      expect(await openConflicts(user)).toMatchObject([{ register: 'content' }]);
      slow.cut();
      fast.cut();
    });
  });

  it('[LOG-2] [SYN-3] after a lost ack the same op is one event, and its outcome arrives', async () => {
    const user = await server.register();
    const device = deviceOf(user, { device: user.device.id });
    const observer = await deviceOf(user).connect();
    await device.connect();
    await device.untilFrame('WELCOME');
    device.socket?.pause();
    device.write(newMemoryId(), creation('acknowledged into the void'));
    await observer.until(() => observer.replica.cursor === 1, 'committed');
    device.cut();
    expect(device.replica.outbox).toHaveLength(1);
    await (await device.connect()).untilCaughtUp();
    expect(device.replica.cursor).toBe(1);
    const from = device.frames.length;
    device.send({
      type: 'PUSH',
      firstCounter: 1,
      base: 0,
      ops: [{ memoryId: newMemoryId(), hlc: { ms: 1, count: 0 }, change: { writes: creation('x') } }],
    });
    expect(await device.untilFrame('DELTA', from)).toMatchObject({
      from: 0,
      to: 1,
      acked: 1,
      events: [{ seq: 1, outcome: 'applied' }],
    });
    device.cut();
    observer.cut();
  });

  it('[LOG-2] a rejected op uses its counter up, blocks nobody, and is told again on a retry', async () => {
    const user = await server.register();
    const device = await deviceOf(user, { device: user.device.id }).connect();
    await device.untilFrame('WELCOME');
    const hlc = { ms: Date.now(), count: 0 };
    const push = {
      type: 'PUSH',
      firstCounter: 1,
      base: 0,
      ops: [
        { memoryId: newMemoryId(), hlc, change: { writes: setting('content', 'of nothing') } },
        { memoryId: newMemoryId(), hlc, change: { writes: creation('x'.repeat(10_001)) } },
        { memoryId: newMemoryId(), hlc, change: { writes: creation('NUL \0 inside') } },
        { memoryId: newMemoryId(), hlc, change: { writes: creation('fine') } },
      ],
    } as const;
    for (const from of [0, 2]) {
      device.send(push);
      const delta = await device.untilFrame('DELTA', from);
      expect(delta.acked).toBe(4);
      expect(delta.events.map(({ outcome, code }) => code ?? outcome)).toEqual([
        'unknown_memory',
        'invalid_value',
        'invalid_value',
        'applied',
      ]);
    }
    expect(device.replica.rows.size).toBe(1);
    device.cut();
  });

  it('[SEC-2] garbage gets a typed error, writes nothing and leaves the socket open', async () => {
    const user = await server.register();
    const device = await deviceOf(user, { device: user.device.id, form: 'text' }).connect();
    await device.untilFrame('WELCOME');
    const op = { memoryId: newMemoryId(), hlc: '1764000000000-0', patch: [{ op: 'add', path: '/content', value: 'x' }] };
    const push = (change: object) => JSON.stringify({ type: 'PUSH', firstCounter: 1, base: 0, ops: [{ ...op, ...change }] });
    const bad: (string | Uint8Array)[] = [
      '{"type":',
      '[]',
      '{"type":"NONSENSE"}',
      Uint8Array.of(0xc1),
      new Uint8Array(5_000).fill(0x91),
      Uint8Array.of(0x95, 3, 1, 0, 0, 0xdd, 0xff, 0xff, 0xff, 0xff),
      push({ patch: [{ op: 'add', path: '/__proto__/x', value: 1 }] }),
      push({ patch: [{ op: 'add', path: '/seq', value: 1 }] }),
      push({ hlc: '99999999999999999-0' }),
      push({ memoryId: 'no id' }),
      `{"type":"PUSH","firstCounter":1e400,"base":0,"ops":[]}`,
      '{"type":"PUSH","firstCounter":1,"base":-1,"ops":[]}',
      `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
    ];
    for (const data of bad) {
      const from = device.frames.length;
      device.sendRaw(data);
      const error = await device.untilFrame('ERROR', from);
      expect([data.slice(0, 60), error.code]).toEqual([data.slice(0, 60), 'invalid_frame']);
    }
    const from = device.frames.length;
    device.sendRaw(' '.repeat(1_048_577));
    expect(await device.untilFrame('ERROR', from)).toMatchObject({ code: 'frame_too_large' });
    expect(await send('GET', `${server.url}/api/v1/audit`, { token: user.token })).toMatchObject({ body: { events: [] } });
    device.sendRaw('{"type":"PING"}');
    await device.untilFrame('PONG');
    device.cut();
  });

  it('[SYN-2] counters in the future are a gap, a base above the head resets, a clone forks', async () => {
    const user = await server.register();
    const device = await deviceOf(user, { device: user.device.id }).connect();
    await device.write(newMemoryId(), creation('first')).untilCaughtUp();
    const op = { memoryId: newMemoryId(), hlc: { ms: 1, count: 0 }, change: { writes: creation('x') } };
    device.send({ type: 'PUSH', firstCounter: 7, base: 1, ops: [op] });
    expect(await device.untilFrame('ERROR')).toMatchObject({ code: 'counter_gap', expected: 2 });
    device.send({ type: 'PUSH', firstCounter: 2, base: 99, ops: [op] });
    expect(await device.untilFrame('RESET')).toMatchObject({ code: 'cursor_ahead', head: 1 });
    device.cut();
    const clone = await deviceOf(user, { device: user.device.id }).connect();
    expect(await clone.untilFrame('RESET')).toMatchObject({ code: 'device_forked' });
    await clone.untilFrame('WELCOME');
    expect(clone.replica.device).not.toBe(user.device.id);
    clone.cut();
  });

  it('[MRG-6] stamps of 1970 and 2100 are tolerated: clamped at most a minute ahead', async () => {
    const user = await server.register();
    const old = await deviceOf(user, { device: user.device.id, now: () => 0 }).connect();
    const far = await deviceOf(user, { now: () => Date.UTC(2100, 0, 1) }).connect();
    const id = newMemoryId();
    await old.write(id, creation('1970')).untilCaughtUp();
    await far.until(() => far.replica.cursor === 1);
    await far.write(id, setting('content', '2100')).untilCaughtUp();
    const [event] = far.frames.flatMap((frame) => (frame.type === 'DELTA' ? frame.events : [])).filter((each) => each.seq === 2);
    expect(event?.outcome).toBe('applied');
    expect((event?.hlc.ms ?? 0) - (event?.at ?? 0)).toBe(60_000);
    await old.until(() => old.replica.cursor === 2);
    await old.write(id, setting('content', 'after, by the old clock')).untilCaughtUp();
    expect(old.replica.rows.get(id)?.content).toBe('after, by the old clock');
    old.cut();
    far.cut();
  });

  it('[SYN-5] a device whose state is shorter than the log gets a snapshot, and then the tail', async () => {
    const user = await server.register();
    const writer = await deviceOf(user, { device: user.device.id }).connect();
    const id = newMemoryId();
    writer.write(id, creation('0'));
    for (let i = 1; i < 20; i++) writer.write(id, setting('content', String(i)));
    await writer.untilCaughtUp();
    const reader = await deviceOf(user).connect();
    expect(await reader.untilFrame('SNAPSHOT')).toMatchObject({ at: 20, next: null, memories: [{ id, seq: 20, content: '19' }] });
    expect(await reader.untilFrame('DELTA')).toMatchObject({ from: 20, to: 20, hash: writer.replica.stateHash });
    expect(reader.replica.stateHash).toBe(writer.replica.stateHash);
    reader.cut();
    writer.cut();
  });

  it('[SEC-1] another user hears and sees nothing, and cannot write to what is not theirs', async () => {
    const [one, other] = [await server.register(), await server.register()];
    const mine = await deviceOf(one, { device: one.device.id }).connect();
    const theirs = await deviceOf(other, { device: other.device.id }).connect();
    await theirs.untilFrame('WELCOME');
    const id = newMemoryId();
    await mine.write(id, creation('private')).untilCaughtUp();
    theirs.send({
      type: 'PUSH',
      firstCounter: 1,
      base: 0,
      ops: [{ memoryId: id, hlc: { ms: 1, count: 0 }, change: { writes: setting('content', 'mine now') } }],
    });
    expect(await theirs.untilFrame('DELTA')).toMatchObject({
      from: 0,
      to: 1,
      events: [{ outcome: 'rejected', code: 'unknown_memory' }],
    });
    const again = await deviceOf(one).connect();
    await again.untilCaughtUp();
    expect(again.replica.rows.get(id)?.content).toBe('private');
    for (const device of [mine, theirs, again]) device.cut();
  });

  it('[SYN-9] a forged, absent or ended token closes the socket, and logout closes it at once', async () => {
    const user = await server.register();
    for (const token of ['forged', '']) {
      const stranger = await deviceOf({ ...user, token }).connect();
      expect(await stranger.untilFrame('ERROR')).toMatchObject({ code: 'unauthorized' });
      await stranger.until(() => stranger.closeCode === 4401, 'closed');
    }
    const device = await deviceOf(user, { device: user.device.id }).connect();
    await device.untilFrame('WELCOME');
    expect((await send('POST', `${server.url}/api/v1/auth/logout`, { token: user.token })).status).toBe(204);
    await device.until(() => device.closeCode === 4401, 'closed by logout');
  });

  it('[SYN-9] the token may come with the upgrade, and is renewed on the open socket', async () => {
    const user = await server.register();
    const device = await deviceOf(user).open(`?token=${user.token}`);
    device.send({
      type: 'HELLO',
      protocol: 1,
      flags: 0,
      device: device.replica.device,
      epoch: null,
      cursor: 0,
      lastCounter: 0,
      now: 0,
    });
    await device.untilFrame('WELCOME');
    device.send({ type: 'AUTH', token: user.token });
    device.send({ type: 'PING' });
    await device.untilFrame('PONG');
    device.send({ type: 'AUTH', token: 'forged' });
    await device.until(() => device.closeCode === 4401, 'closed');
  });

  it('[SYN-8] a device that reads nothing holds up nobody, and gets everything when it reads again', async () => {
    const user = await server.register();
    const writer = await deviceOf(user, { device: user.device.id }).connect();
    const lazy = await deviceOf(user).connect();
    await lazy.untilFrame('WELCOME');
    lazy.socket?.pause();
    for (let i = 0; i < 600; i++) writer.write(newMemoryId(), creation(`${i} ${'long '.repeat(1_900)}`));
    await writer.untilCaughtUp();
    expect(writer.replica.cursor).toBe(600);
    lazy.socket?.resume();
    await lazy.until(() => lazy.replica.cursor === 600, 'everything');
    expect(lazy.replica.stateHash).toBe(writer.replica.stateHash);
    writer.cut();
    lazy.cut();
  });

  it('[SYN-8] without GOT the server stops after maxInFlight frames, and goes on with it', async () => {
    const user = await server.register();
    const device = await deviceOf(user).open();
    device.send({
      type: 'HELLO',
      protocol: 1,
      flags: 0,
      device: device.replica.device,
      epoch: null,
      cursor: 0,
      lastCounter: 0,
      token: user.token,
      now: 0,
    });
    const { limits } = await device.untilFrame('WELCOME');
    const deltas = () => device.frames.filter((frame) => frame.type === 'DELTA').length;
    const create = async (content: string) =>
      send('POST', `${server.url}/api/v1/memories`, { token: user.token, body: { content, type: 'fact', scope: 'user_global' } });
    for (let i = 0; i < limits.maxInFlight + 10; i++) expect((await create(String(i))).status).toBe(201);
    device.send({ type: 'PING' });
    await device.untilFrame('PONG');
    expect(deltas()).toBe(limits.maxInFlight);
    device.send({ type: 'GOT', to: limits.maxInFlight });
    await device.until(
      () => device.frames.some((frame) => frame.type === 'DELTA' && frame.to === limits.maxInFlight + 10),
      'the rest',
    );
    device.cut();
  });

  it('[SYN-11] deflated frames hold the same events in fewer bytes', async () => {
    const user = await server.register();
    const writer = await deviceOf(user, { device: user.device.id }).connect();
    for (let i = 0; i < 500; i++)
      writer.write(newMemoryId(), creation(`the user prefers short answers in the morning, note ${i}`));
    await writer.untilCaughtUp();
    const plain = await (await deviceOf(user).connect()).untilCaughtUp();
    const deflated = await (await deviceOf(user, { deflate: true }).connect()).untilCaughtUp();
    expect([...deflated.replica.rows]).toEqual([...plain.replica.rows]);
    expect(deflated.wireBytes).toBeLessThan(plain.wireBytes / 2);
    for (const device of [writer, plain, deflated]) device.cut();
  });

  it('[LOG-7] what is written over HTTP reaches the sockets, as the server’s own replica', async () => {
    const user = await server.register();
    const device = await deviceOf(user, { device: user.device.id }).connect();
    await device.untilFrame('WELCOME');
    const body = { content: 'written over HTTP', type: 'fact', scope: 'user_global' };
    expect((await send('POST', `${server.url}/api/v1/memories`, { token: user.token, body })).status).toBe(201);
    const delta = await device.untilFrame('DELTA');
    expect(delta).toMatchObject({
      from: 0,
      to: 1,
      events: [{ device: '00000000-0000-0000-0000-000000000000', counter: 1, kind: 'create' }],
    });
    expect(delta.acked).toBeUndefined();
    device.cut();
  });
});
