/** Pulling and pushing over HTTP. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { unpackServerFrame } from '../../../src/protocol/binary-codec.ts';
import { type Api, creation, type EventList, edit, type Updates, useServer } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';

const updates = async (api: Api, query = '') => (await api.get<Updates>(`/memories/sync/updates?${query}`)).body;

describeOnEachEngine('/memories/sync', (open) => {
  const fixture = useServer(open);

  it('[LOG-2] answers a push again with the recorded outcomes', async () => {
    const api = await fixture.login();
    const [device, id] = [randomUUID(), randomUUID()];
    const ops = [
      creation(id, '1764000000000-0'),
      edit(randomUUID(), '1764000000001-0', '/content', 'x'),
      edit(id, '1764000000002-0', '/confidence', 2),
    ];
    const first = await api.push(device, 1, 0, ops);
    expect(first.body).toMatchObject({ acked: 3, head: 3 });
    expect(first.body.events.map(({ seq, counter, outcome, code }) => [seq, counter, outcome, code])).toEqual([
      [1, 1, 'applied', undefined],
      [2, 2, 'rejected', 'unknown_memory'],
      [3, 3, 'rejected', 'invalid_value'],
    ]);
    expect((await api.push(device, 1, 0, ops)).body).toEqual(first.body);
    const more = await api.push(device, 2, 0, [...ops.slice(1), edit(id, '1764000000003-0', '/content', 'y')]);
    expect(more.body.events.map(({ counter, outcome }) => [counter, outcome])).toEqual([
      [2, 'rejected'],
      [3, 'rejected'],
      [4, 'applied'],
    ]);
    expect(await api.head()).toBe(4);
  });

  it('[LOG-2] refuses a gap with the counter that is expected, and what lies ahead of the log', async () => {
    const api = await fixture.login();
    const device = randomUUID();
    const gap = await api.push(device, 3, 0, [creation(randomUUID(), '1764000000000-0')]);
    expect([gap.status, gap.body]).toMatchObject([409, { code: 'counter_gap', expected: 1 }]);
    const ahead = await api.push(device, 1, 7, [creation(randomUUID(), '1764000000000-0')]);
    expect([ahead.status, ahead.body]).toMatchObject([409, { code: 'cursor_ahead' }]);
    expect(await api.head()).toBe(0);
  });

  it('[LOG-2] the same push on two connections at once is one event', async () => {
    const api = await fixture.login();
    const [device, id] = [randomUUID(), randomUUID()];
    const answers = await Promise.all(Array.from({ length: 6 }, () => api.push(device, 1, 0, [creation(id, '1764000000000-0')])));
    expect(new Set(answers.map((answer) => answer.body.events[0]?.seq))).toEqual(new Set([1]));
    expect(await api.head()).toBe(1);
  });

  it('refuses a revoked device and the id of another user’s memory stays his', async () => {
    const api = await fixture.login();
    const device = randomUUID();
    await api.push(device, 1, 0, [creation(randomUUID(), '1764000000000-0')]);
    expect((await api.call('DELETE', `/auth/devices/${device}`)).status).toBe(204);
    const refused = await api.push(device, 2, 0, [creation(randomUUID(), '1764000000000-0')]);
    expect([refused.status, refused.body]).toMatchObject([403, { code: 'device_revoked' }]);
  });

  it('pulls the present state of what changed, each memory once a page', async () => {
    const api = await fixture.login();
    const a = await api.create({ content: 'a' });
    const b = await api.create({ content: 'b' });
    await api.call('PUT', `/memories/${a.id}`, { content: 'a2' });
    const first = await updates(api);
    expect(first.changes).toEqual([
      { id: b.id, seq: 2, deleted: false, memory: { ...b, embedded: expect.any(Boolean) } },
      { id: a.id, seq: 3, deleted: false, memory: expect.objectContaining({ content: 'a2' }) },
    ]);
    expect([first.head, first.done]).toEqual([3, true]);
    await api.call('DELETE', `/memories/${b.id}`);
    const next = await updates(api, `cursor=${first.cursor}`);
    expect(next.changes).toEqual([{ id: b.id, seq: 4, deleted: true }]);
    expect((await updates(api, `cursor=${next.cursor}`)).changes).toEqual([]);
  });

  it('pulls everything by small pages, as memories, events and bytes', async () => {
    const api = await fixture.login();
    for (let n = 0; n < 11; n++) await api.create({ content: `${n}` });
    const seen: string[] = [];
    const events: number[] = [];
    for (let at = await updates(api, 'limit=3'); ; at = await updates(api, `limit=3&cursor=${at.cursor}`)) {
      seen.push(...at.changes.map((change) => change.id));
      if (at.done) break;
    }
    for (
      let at = await updates(api, 'limit=4&form=events');
      ;
      at = await updates(api, `limit=4&form=events&cursor=${at.cursor}`)
    ) {
      events.push(...at.events.map((event) => event.seq));
      if (at.done) break;
    }
    expect(new Set(seen).size).toBe(11);
    expect(events).toEqual(Array.from({ length: 11 }, (_, index) => index + 1));
    const binary = await fetch(`${fixture.server.url}/api/v1/memories/sync/updates?limit=5`, {
      headers: { authorization: `Bearer ${api.user.token}`, accept: 'application/msgpack' },
    });
    expect(binary.headers.get('content-type')).toBe('application/msgpack');
    const frame = unpackServerFrame(new Uint8Array(await binary.arrayBuffer()));
    expect(frame).toMatchObject({ type: 'DELTA', from: 0, to: 5, head: 11 });
    const rest = await updates(api, `form=events&cursor=${binary.headers.get('sync-cursor')}`);
    expect(rest.events.map((event) => event.seq)).toEqual([6, 7, 8, 9, 10, 11]);
  });

  it('[SYN-5] tells apart cursors that are garbage, of another epoch, ahead, and expired', async () => {
    const api = await fixture.login();
    for (let n = 0; n < 3; n++) await api.create();
    const { db } = fixture.server.deps;
    const { cursor } = await updates(api);
    const early = (await updates(api, 'limit=1')).cursor;
    const codeOf = async (text: string) => {
      const { status, body } = await api.get(`/memories/sync/updates?cursor=${text}`);
      return [status, body.code];
    };
    expect(await codeOf('rubbish')).toEqual([400, 'invalid_request']);
    expect(await codeOf('WyJzeW5jIiwiIiwtMV0')).toEqual([400, 'invalid_request']);
    await db.query('update user_heads set floor = 2 where user_id = $1::uuid', [api.user.user.id]);
    expect(await codeOf(early)).toEqual([410, 'cursor_expired']);
    await db.query('update user_heads set seq = 2 where user_id = $1::uuid', [api.user.user.id]);
    expect(await codeOf(cursor)).toEqual([409, 'cursor_ahead']);
    await db.query('update user_heads set epoch = $2::uuid where user_id = $1::uuid', [api.user.user.id, randomUUID()]);
    expect(await codeOf(cursor)).toEqual([409, 'epoch_mismatch']);
  });

  it('[MRG-6] tolerates clocks of 1970 and 2100, and keeps what they said', async () => {
    const api = await fixture.login();
    const [device, id] = [randomUUID(), randomUUID()];
    const future = Date.UTC(2100, 0, 1);
    const { body } = await api.push(device, 1, 0, [creation(id, '0-0'), edit(id, `${future}-7`, '/content', 'late')]);
    expect(body.events.map((event) => event.outcome)).toEqual(['applied', 'applied']);
    const audit = await api.get<EventList>(`/audit?memoryId=${id}&order=asc`);
    const [early, late] = audit.body.events;
    expect(early?.rawHlc).toBeUndefined();
    expect(early?.hlc).toBe('0-0');
    expect(late?.rawHlc).toBe(`${future}-7`);
    expect(Number(late?.hlc.split('-')[0])).toBeLessThanOrEqual(Date.now() + 60_000);
  });
});
