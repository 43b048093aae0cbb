/** HELLO and SNAPSHOT over HTTP, and what a puller learns of collections and new epochs. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { DeviceId, Epoch, UserId } from '../../../src/core/ids.ts';
import { unpackServerFrame } from '../../../src/protocol/binary-codec.ts';
import { wireLimits } from '../../../src/protocol/limits.ts';
import { beginEpoch } from '../../../src/server/log/begin-epoch.ts';
import { rebuildProjections } from '../../../src/server/project/rebuild.ts';
import { type Api, creation, edit, type Updates, useServer } from '../../support/api.ts';
import { createAppendNode, creation as firstWrites, newMemoryId } from '../../support/append.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

interface Welcome {
  readonly type: 'WELCOME';
  readonly epoch: string;
  readonly head: number;
  readonly floor: number;
  readonly lastCounter: number;
  readonly cursor: string;
  readonly tokenExpiresAt: string;
}

interface Page {
  readonly type: 'SNAPSHOT';
  readonly at: number;
  readonly next: string | null;
  readonly memories: readonly { readonly id: string; readonly seq: number; readonly fields: { readonly deleted: boolean } }[];
}

interface Devices {
  readonly devices: readonly { readonly id: string; readonly cursor: number; readonly lag: number }[];
}

const said = { protocol: 1, epoch: null, cursor: 0, lastCounter: 0, now: 1_764_000_000_000 };

describeOnEachEngine('/memories/sync', (open) => {
  const fixture = useServer(open);

  const hello = (api: Api, body: Readonly<Record<string, unknown>>) =>
    api.call<Welcome & Record<string, unknown>>('POST', '/memories/sync/hello', { ...said, device: randomUUID(), ...body });
  const userOf = (api: Api): UserId => api.user.user.id as UserId;
  const lagOf = async (api: Api, id: string) => {
    const { devices } = (await api.get<Devices>('/auth/devices')).body;
    return devices.find((device) => device.id === id);
  };
  /** In a time when every tombstone is old and no device is alive. */
  const collect = async (api: Api): Promise<void> => {
    const later = Date.now() + 86_400_000;
    const request = { kind: 'collect', userId: userOf(api), deletedBefore: later, seenAfter: later } as const;
    await fixture.server.deps.append.submit(request);
  };

  it('[SYN-2] hello answers with WELCOME, registers the device and keeps its cursor', async () => {
    const api = await fixture.login();
    const device = randomUUID();
    await api.create();
    await api.create();
    const first = await hello(api, { device });
    expect([first.status, first.body]).toEqual([
      200,
      {
        type: 'WELCOME',
        protocol: 1,
        epoch: expect.stringMatching(/^[0-9a-f-]{36}$/),
        head: 2,
        floor: 0,
        lastCounter: 0,
        now: expect.any(Number),
        tokenExpiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        limits: {
          maxFrameBytes: wireLimits.maxFrameBytes,
          maxOps: wireLimits.maxOps,
          maxInFlight: wireLimits.maxInFlight,
        },
        cursor: expect.any(String),
      },
    ]);
    expect(await lagOf(api, device)).toMatchObject({ cursor: 0, lag: 2 });
    const { epoch } = first.body;
    const again = await hello(api, { device, epoch, cursor: 1 });
    expect(await lagOf(api, device)).toMatchObject({ cursor: 1, lag: 1 });
    const { changes } = (await api.get<Updates>(`/memories/sync/updates?cursor=${again.body.cursor}`)).body;
    expect(changes.map((change) => change.seq)).toEqual([2]);
  });

  it('[SYN-5] hello answers with RESET where the socket would', async () => {
    const api = await fixture.login();
    const device = randomUUID();
    await api.push(device, 1, 0, [creation(randomUUID(), '1764000000000-0')]);
    await api.create();
    const { epoch } = (await hello(api, { device, lastCounter: 1 })).body;
    const resets: readonly (readonly [string, Record<string, unknown>, number | null])[] = [
      ['device_forked', { epoch, cursor: 1 }, null],
      ['cursor_ahead', { epoch, cursor: 9, lastCounter: 1 }, null],
      ['epoch_mismatch', { epoch: randomUUID(), cursor: 1, lastCounter: 1 }, 0],
    ];
    for (const [code, body, shared] of resets) {
      const answer = await hello(api, { device, ...body });
      expect([answer.status, answer.body]).toEqual([200, { type: 'RESET', code, epoch, floor: 0, head: 2, shared }]);
    }
    await fixture.server.deps.db.query('update user_heads set floor = 2 where user_id = $1::uuid', [userOf(api)]);
    expect((await hello(api, { device, epoch, cursor: 1, lastCounter: 1 })).body).toMatchObject({
      type: 'RESET',
      code: 'cursor_expired',
    });
    // What was refused was not confirmed.
    expect(await lagOf(api, device)).toMatchObject({ cursor: 0 });
  });

  it('[SYN-9] hello refuses a revoked device', async () => {
    const api = await fixture.login();
    const device = randomUUID();
    await hello(api, { device });
    await api.call('DELETE', `/auth/devices/${device}`);
    const { status, body } = await hello(api, { device });
    expect([status, body]).toMatchObject([403, { code: 'device_revoked' }]);
    expect((await api.get(`/memories/sync/updates?device=${device}`)).status).toBe(403);
  });

  it('[SEC-2] hello names what is wrong with it, and registers nothing', async () => {
    const api = await fixture.login();
    const before = (await api.get<Devices>('/auth/devices')).body.devices.length;
    const bad: readonly (readonly [string, Record<string, unknown>])[] = [
      ['device', { device: 'phone' }],
      ['cursor', { cursor: -1 }],
      ['lastCounter', { lastCounter: 1.5 }],
      ['epoch', { epoch: 7 }],
      ['now', { now: null }],
      ['flags', { flags: 'all' }],
      ['resume.after', { resume: { at: 1 } }],
      ['cursor', { flags: 2, cursor: 3 }],
    ];
    for (const [path, body] of bad) {
      const answer = await hello(api, body);
      expect([answer.status, answer.body]).toMatchObject([400, { code: 'invalid_request', errors: [{ path }] }]);
    }
    const spoken = await hello(api, { protocol: 99 });
    expect([spoken.status, spoken.body]).toMatchObject([
      400,
      { code: 'unsupported_protocol', detail: expect.stringContaining('1') },
    ]);
    expect((await hello(api, { colour: 'red', device: api.user.device.id })).status).toBe(200);
    expect((await api.get<Devices>('/auth/devices')).body.devices).toHaveLength(before);
  });

  it('[SYN-5] a snapshot comes in pages, in both forms, and the log goes on behind it', async () => {
    const api = await fixture.login();
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) ids.push((await api.create({ content: `${n}` })).id);
    await api.call('DELETE', `/memories/${ids[2]}`);
    const newestFirst = [...ids].sort().reverse();
    const first = await api.get<Page>('/memories/sync/snapshot?limit=2');
    expect(first.body).toMatchObject({ type: 'SNAPSHOT', at: 6, next: newestFirst[1] });
    // What happens meanwhile comes behind the snapshot.
    const late = await api.create({ content: 'late' });
    const rest = await api.get<Page>(`/memories/sync/snapshot?at=6&after=${first.body.next}`);
    expect(rest.body).toMatchObject({ at: 6, next: null });
    const memories = [...first.body.memories, ...rest.body.memories];
    expect(memories.map((memory) => memory.id)).toEqual(newestFirst);
    expect(memories.find((memory) => memory.id === ids[2])).toMatchObject({ seq: 6, fields: { deleted: true } });
    const tail = await api.get<Updates>(`/memories/sync/updates?cursor=${rest.headers.get('sync-cursor')}`);
    expect(tail.body.changes.map((change) => change.id)).toEqual([late.id]);
    const binary = await fetch(`${fixture.server.url}/api/v1/memories/sync/snapshot?at=6&limit=2`, {
      headers: { authorization: `Bearer ${api.user.token}`, accept: 'application/msgpack' },
    });
    expect([binary.headers.get('content-type'), binary.headers.get('sync-cursor')]).toEqual([
      'application/msgpack',
      rest.headers.get('sync-cursor'),
    ]);
    expect(unpackServerFrame(new Uint8Array(await binary.arrayBuffer()))).toMatchObject({ type: 'SNAPSHOT', at: 6 });
  });

  it('[SYN-5] [SEC-2] a snapshot begins nowhere that the log does not serve', async () => {
    const api = await fixture.login();
    const { id } = await api.create();
    await fixture.server.deps.db.query('update user_heads set floor = 1 where user_id = $1::uuid', [userOf(api)]);
    const answers: readonly (readonly [string, number, string, string?])[] = [
      ['at=0', 410, 'cursor_expired'],
      ['at=2', 409, 'cursor_ahead'],
      [`after=${id}`, 400, 'invalid_request', 'at'],
      ['at=1&after=x', 400, 'invalid_request', 'after'],
      ['limit=501', 400, 'invalid_request', 'limit'],
      ['limit=0', 400, 'invalid_request', 'limit'],
      ['at=-1', 400, 'invalid_request', 'at'],
      ['colour=red', 400, 'invalid_request', 'colour'],
    ];
    for (const [query, status, code, path] of answers) {
      const answer = await api.get(`/memories/sync/snapshot?${query}`);
      expect([query, answer.status, answer.body.code, answer.body.errors?.[0]?.path]).toEqual([query, status, code, path]);
    }
  });

  it('[SYN-12] updates keep the cursor of the device that names itself, once it is known to be one', async () => {
    const api = await fixture.login();
    const device = randomUUID();
    for (let n = 0; n < 3; n++) await api.create();
    const page = (await api.get<Updates>(`/memories/sync/updates?limit=2&device=${device}`)).body;
    expect(await lagOf(api, device)).toMatchObject({ cursor: 0 });
    await api.get(`/memories/sync/updates?device=${device}&cursor=${page.cursor}`);
    expect(await lagOf(api, device)).toMatchObject({ cursor: 2, lag: 1 });
    await fixture.server.deps.db.query('update user_heads set seq = 1 where user_id = $1::uuid', [userOf(api)]);
    expect((await api.get(`/memories/sync/updates?device=${device}&cursor=${page.cursor}`)).status).toBe(409);
    expect(await lagOf(api, device)).toMatchObject({ cursor: 2 });
    const bad = await api.get('/memories/sync/updates?device=phone');
    expect([bad.status, bad.body.errors?.[0]?.path]).toEqual([400, 'device']);
  });

  it('[SYN-12] updates tell of what was collected as deleted, and go on behind it', async () => {
    const api = await fixture.login();
    const [a, b, c] = [
      await api.create({ content: 'a' }),
      await api.create({ content: 'b' }),
      await api.create({ content: 'c' }),
    ];
    for (const { id } of [a, b]) await api.call('DELETE', `/memories/${id}`);
    await collect(api);
    await api.call('PUT', `/memories/${c.id}`, { content: 'c2' });
    await api.call('POST', '/memories', { id: b.id, content: 'again', type: 'fact', scope: 'site' });
    const first = (await api.get<Updates>('/memories/sync/updates')).body;
    // The page ends with the collection; `b` is in use again, which its own event tells.
    expect(first.changes.map(({ id, seq, deleted }) => [id, seq, deleted]).sort()).toEqual(
      [
        [c.id, 7, false],
        [b.id, 8, false],
        [a.id, 6, true],
      ].sort(),
    );
    expect([first.head, first.done]).toEqual([8, false]);
    const next = (await api.get<Updates>(`/memories/sync/updates?cursor=${first.cursor}`)).body;
    expect(next.changes.map(({ id, seq }) => [id, seq])).toEqual([
      [c.id, 7],
      [b.id, 8],
    ]);
    expect(next.done).toBe(true);
    const events = (await api.get<{ events: readonly Record<string, unknown>[] }>('/memories/sync/updates?form=events')).body
      .events;
    expect(events[5]).toEqual({
      seq: 6,
      device: '00000000-0000-0000-0000-000000000000',
      counter: 6,
      hlc: expect.any(String),
      at: expect.any(String),
      memoryId: '00000000-0000-0000-0000-000000000000',
      kind: 'collect',
      outcome: 'applied',
      floor: 5,
      collected: [a.id, b.id],
    });
    const audit = await api.get<{ events: readonly Record<string, unknown>[] }>('/audit?kind=collect');
    expect(audit.body.events).toMatchObject([
      { seq: 6, kind: 'collect', floor: 5, collected: [a.id, b.id], device: { name: 'server' }, base: 5 },
    ]);
    expect((await api.get(`/memories/${a.id}/history`)).body.code).toBe('unknown_memory');
    const history = await api.get<{ events: readonly { seq: number }[] }>(`/memories/${b.id}/history`);
    expect(history.body.events.map((event) => event.seq)).toEqual([8]);
  });

  it('[SYN-5] after a new epoch a device learns up to where both logs are the same; chain and conflicts go on', async () => {
    const api = await fixture.login();
    const [device, other, id] = [randomUUID(), randomUUID(), randomUUID()];
    await api.push(device, 1, 0, [creation(id, '1764000000000-0')]);
    await api.push(device, 2, 1, [edit(id, '1764000000001-0', '/content', 'phone')]);
    await api.push(other, 1, 1, [edit(id, '1764000000002-0', '/content', 'laptop')]);
    const { epoch, cursor } = (await hello(api, { device, lastCounter: 2 })).body;
    const { db } = fixture.server.deps;
    const later = randomUUID() as Epoch;
    await beginEpoch(db, userOf(api), later, new Date());
    const { body } = await hello(api, { device, epoch, cursor: 9, lastCounter: 9 });
    expect(body).toEqual({ type: 'RESET', code: 'epoch_mismatch', epoch: later, floor: 0, head: 3, shared: 3 });
    expect((await api.get(`/memories/sync/updates?cursor=${cursor}`)).body.code).toBe('epoch_mismatch');
    await beginEpoch(db, userOf(api), randomUUID() as Epoch, new Date());
    // Written by another node, so that this one reads the head anew.
    const actor = { ordinal: 1, id: api.user.device.id as DeviceId };
    const decide = () => ({ write: { writes: firstWrites('x') } });
    await createAppendNode(db).submit({ kind: 'write', userId: userOf(api), actor, memoryId: newMemoryId(), decide });
    expect((await hello(api, { device, epoch, lastCounter: 9 })).body).toMatchObject({ shared: 3, head: 4 });
    expect((await hello(api, { device, epoch: later, lastCounter: 9 })).body).toMatchObject({ shared: 3 });
    expect((await hello(api, { device, epoch: randomUUID(), lastCounter: 9 })).body).toMatchObject({ shared: 0 });
    // A conflict of the first epoch is resolved in the third.
    const { conflicts } = (await api.get<{ conflicts: readonly { id: string }[] }>('/conflicts')).body;
    expect((await api.call('POST', `/conflicts/${conflicts[0]?.id}/resolve`, { keep: 'loser' })).status).toBe(200);
    expect((await api.get<{ conflicts: readonly unknown[] }>('/conflicts')).body.conflicts).toEqual([]);
    const resolved = await api.get<{ conflicts: readonly { id: string }[] }>('/conflicts?status=resolved');
    expect(resolved.body.conflicts).toMatchObject([{ id: conflicts[0]?.id, resolution: 'loser' }]);
    expect((await api.get('/audit/verify')).body).toMatchObject({ verified: true, events: 5 });
    expect(await rebuildProjections(db, { userId: userOf(api) })).toMatchObject({ conflicts: 1, differing: 0 });
  });
});
