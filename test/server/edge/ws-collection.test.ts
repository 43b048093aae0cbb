/** Collections, snapshots that are asked for, and repairs, over a real socket; what is counted of them. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MemoryId, UserId } from '../../../src/core/ids.ts';
import { type Hello, helloFlags } from '../../../src/protocol/frames.ts';
import { creation, newMemoryId, setting } from '../../support/append.ts';
import { describeOnEachEngine } from '../../support/databases.ts';
import { TestDevice } from '../../support/device.ts';
import { send } from '../../support/http.ts';
import { startTestServer, type TestServer, type TestUser } from '../../support/server.ts';

const day = 86_400_000;

describeOnEachEngine('a socket', (open) => {
  let server: TestServer;
  const logged: string[] = [];
  let now = Date.now();
  beforeAll(async () => {
    const log = { write: (line: string) => void logged.push(line) };
    server = await startTestServer({
      database: await open(),
      env: { LOG_LEVEL: 'warn', ACCESS_TOKEN_MINUTES: '1440' },
      now: () => now,
      log,
    });
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  const deviceOf = (user: TestUser, form: 'binary' | 'text' = 'binary'): TestDevice =>
    new TestDevice({ url: server.url, token: user.token, form, now: () => now });

  /** A socket that says just this. */
  async function say(user: TestUser, more: Partial<Hello>): Promise<TestDevice> {
    const device = await deviceOf(user).open();
    const { token } = user;
    const said = { flags: 0, epoch: null, cursor: 0, lastCounter: 0, now, token };
    device.send({ type: 'HELLO', protocol: 1, device: device.replica.device, ...said, ...more });
    return device;
  }

  const metrics = async (): Promise<ReadonlyMap<string, number>> => {
    const response = await fetch(`${server.url}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
  };

  it.each(['binary', 'text'] as const)(
    '[SYN-12] a collection reaches it as an event: its rows go, and both sides hash alike (%s)',
    async (form) => {
      const user = await server.register();
      const device = await deviceOf(user, form).connect();
      const [kept, gone] = [newMemoryId(), newMemoryId()];
      device.write(kept, creation('kept')).write(gone, creation('gone'));
      await device.write(gone, setting('deleted', true)).untilCaughtUp();
      const userId = user.user.id as UserId;
      const from = device.frames.length;
      await server.deps.append.submit({ kind: 'collect', userId, deletedBefore: now + day, seenAfter: now + day });
      const delta = await device.untilFrame('DELTA', from);
      expect(delta).toMatchObject({ from: 3, to: 4, events: [{ kind: 'collect', collected: { floor: 3, ids: [gone] } }] });
      expect([...device.replica.rows.keys()]).toEqual([kept]);
      expect(device.replica.stateHash).toBe(delta.hash);
      // A device that begins now is told of nothing that is gone.
      const late = await deviceOf(user, form).connect();
      await late.untilCaughtUp();
      expect([late.replica.stateHash, [...late.replica.rows.keys()]]).toEqual([delta.hash, [kept]]);
      device.cut();
      late.cut();
    },
  );

  it('[SYN-12] a session that opens brings a collection about, and a device that was away too long begins anew', async () => {
    const user = await server.register();
    const [writer, away] = [await deviceOf(user).connect(), await deviceOf(user).connect()];
    const id = newMemoryId();
    await writer.write(id, creation('x')).untilCaughtUp();
    await away.until(() => away.replica.cursor === 1);
    away.cut();
    await writer.write(id, setting('deleted', true)).untilCaughtUp();
    writer.cut();
    const before = (await metrics()).get('aibrain_collected_memories_total') ?? 0;
    now += 100 * day;
    const login = await send<TestUser>('POST', `${server.url}/api/v1/auth/login`, {
      body: { email: user.email, password: user.password, device: { id: user.device.id } },
    });
    const again = { ...user, token: login.body.token };
    const device = await say(again, { device: writer.replica.device, epoch: writer.replica.epoch, cursor: 2, lastCounter: 2 });
    await device.until(() => device.frames.some((frame) => frame.type === 'DELTA' && frame.to === 3), 'the collection');
    const counted = await metrics();
    expect(counted.get('aibrain_collected_memories_total')).toBe(before + 1);
    expect(counted.get('aibrain_collections_total')).toBeGreaterThan(0);
    const late = await say(again, { device: away.replica.device, epoch: away.replica.epoch, cursor: 1 });
    expect(await late.untilFrame('RESET')).toMatchObject({ code: 'cursor_expired', floor: 2, head: 3, shared: null });
    expect((await metrics()).get('aibrain_sync_resets_total{code="cursor_expired"}')).toBe(1);
    device.cut();
    late.cut();
  });

  it('[SYN-5] goes on with a snapshot that was cut off, and sends a whole one where it is asked for', async () => {
    const user = await server.register();
    const writer = await deviceOf(user).connect();
    const ids = Array.from({ length: 3 }, newMemoryId).sort();
    for (const id of ids) writer.write(id, creation('x'));
    await writer.untilCaughtUp();
    const { epoch } = writer.replica;
    const asked = await say(user, { flags: helloFlags.snapshot, epoch });
    expect(await asked.untilFrame('SNAPSHOT')).toMatchObject({
      at: 3,
      next: null,
      memories: [...ids].reverse().map((id) => ({ id })),
    });
    expect(await asked.untilFrame('DELTA')).toMatchObject({ from: 3, to: 3, hash: writer.replica.stateHash });
    await writer.write(ids[2] as MemoryId, setting('content', 'late')).untilCaughtUp();
    const resumed = await say(user, { epoch, resume: { at: 3, after: ids[1] as MemoryId } });
    expect(await resumed.untilFrame('SNAPSHOT')).toMatchObject({ at: 3, next: null, memories: [{ id: ids[0] }] });
    expect(await resumed.untilFrame('DELTA')).toMatchObject({ from: 3, to: 4 });
    for (const device of [writer, asked, resumed]) device.cut();
  });

  it('[SYN-6] [SEC-4] a repair is counted and logged, without anything of the user', async () => {
    const user = await server.register();
    const writer = await deviceOf(user).connect();
    await writer.write(newMemoryId(), creation('private')).untilCaughtUp();
    const before = (await metrics()).get('aibrain_sync_repairs_total') ?? 0;
    logged.length = 0;
    const { epoch } = writer.replica;
    const device = await say(user, { flags: helloFlags.snapshot + helloFlags.repair, epoch });
    await device.untilFrame('SNAPSHOT');
    const body = { protocol: 1, flags: 6, device: user.device.id, epoch, cursor: 0, lastCounter: 0, now };
    await send('POST', `${server.url}/api/v1/memories/sync/hello`, { token: user.token, body });
    expect((await metrics()).get('aibrain_sync_repairs_total')).toBe(before + 2);
    const warnings = logged.filter((line) => line.includes('state hash'));
    expect(warnings).toHaveLength(2);
    const text = await (await fetch(`${server.url}/metrics`)).text();
    for (const secret of ['private', user.email, user.user.id, user.device.id, user.token, device.replica.device]) {
      expect(warnings.join()).not.toContain(secret);
      expect(text).not.toContain(secret);
    }
    writer.cut();
    device.cut();
  });

  it('[SEC-4] the open sockets are counted, and every code of a RESET has its own series from the start', async () => {
    const user = await server.register();
    const before = (await metrics()).get('aibrain_sync_sockets') ?? 0;
    const device = await deviceOf(user).connect();
    await device.untilFrame('WELCOME');
    const counted = await metrics();
    expect(counted.get('aibrain_sync_sockets')).toBe(before + 1);
    for (const code of ['cursor_expired', 'cursor_ahead', 'epoch_mismatch', 'device_forked'])
      expect(counted.has(`aibrain_sync_resets_total{code="${code}"}`)).toBe(true);
    device.cut();
  });
});
