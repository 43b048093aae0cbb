import { expect, it } from 'vitest';
import type { UserId } from '../../../src/core/ids.ts';
import type { MemoryJson } from '../../../src/server/edge/memory-json.ts';
import { edit, type Updates, useServer } from '../../support/api.ts';
import { describeOnEachEngine } from '../../support/databases.ts';
import { ingest } from '../../support/ingest.ts';
import { fillEveryTable, rowsOf } from '../../support/private-user.ts';

describeOnEachEngine('[SEC-1] two users', (open) => {
  const fixture = useServer(open);

  it('[SEC-1] no list, search by id or cursor of a stranger shows anything', async () => {
    const owner = await fixture.login();
    const owned = await fillEveryTable(owner, fixture.server.deps);
    const stranger = await fixture.login();
    const lists = [
      '/memories',
      '/memories?deleted=true',
      '/memories?order=updated&tags=PRIVATE-tag',
      '/memories?order=accessed&platform=web',
      '/conflicts',
      '/conflicts?status=resolved',
      '/audit',
      `/audit?memoryId=${owned.memory.id}`,
      `/audit?deviceId=${owned.device}`,
      '/memories/sync/updates',
      '/memories/sync/updates?form=events',
      '/memories/sync/snapshot',
    ];
    for (const path of lists) {
      const { status, body } = await stranger.get(path);
      expect(status, path).toBe(200);
      expect(JSON.stringify(body), path).not.toMatch(/PRIVATE|[1-9]\d*,"done"/);
      for (const id of [owned.memory.id, owned.conflictId, owned.device, owner.user.device.id])
        expect(JSON.stringify(body), path).not.toContain(id);
    }
    for (const mode of ['keyword', 'semantic', 'hybrid']) {
      const found = await stranger.call<{ results: unknown[] }>('POST', '/memories/search', { query: 'PRIVATE name', mode });
      expect(found.body.results, mode).toEqual([]);
      const own = await owner.call<{ results: unknown[] }>('POST', '/memories/search', { query: 'PRIVATE name', mode });
      expect(own.body.results.length, mode).toBeGreaterThan(0);
    }
    for (const path of ['', '?deleted=true', '?at=1', '/history']) {
      expect((await stranger.get(`/memories/${owned.memory.id}${path}`)).body.code, path).toBe('unknown_memory');
    }
    expect((await stranger.get(`/memories/sync/updates?cursor=${owned.cursor}`)).status).toBe(409);
    // The owner's device and epoch are strange to the stranger's log, and say nothing of the owner's.
    const said = { protocol: 1, device: owned.device, epoch: owned.epoch, cursor: 1, lastCounter: 9, now: 0 };
    const hello = await stranger.call<{ readonly head: number }>('POST', '/memories/sync/hello', said);
    expect(hello.body).toMatchObject({ type: 'RESET', code: 'epoch_mismatch', head: 0, floor: 0, shared: 0 });
    expect((await stranger.get('/audit/verify')).body).toMatchObject({ verified: true, events: 0 });
  });

  it('[SEC-1] no write of a stranger changes a row of the owner in any table', async () => {
    const owner = await fixture.login();
    const owned = await fillEveryTable(owner, fixture.server.deps);
    await fixture.server.deps.accesses.flush();
    const { db } = fixture.server.deps;
    const before = await rowsOf(db, owner.user.user.id);
    expect([...before].filter(([, rows]) => rows.length > 0).map(([table]) => table)).toEqual(
      expect.arrayContaining([
        'conflicts',
        'devices',
        'epochs',
        'events',
        'ingested_messages',
        'memories',
        'memory_accesses',
        'memory_texts',
        'memory_vectors',
        'recall_heads',
        'sessions',
        'text_terms',
        'user_heads',
        'users',
        'vector_heads',
      ]),
    );
    const stranger = await fixture.login();
    const path = `/memories/${owned.memory.id}`;
    const patchType = { 'content-type': 'application/json-patch+json' };
    const answers = await Promise.all([
      stranger.call('PUT', path, { content: 'x' }),
      stranger.call('PATCH', path, [{ op: 'add', path: '/content', value: 'x' }], patchType),
      stranger.call('DELETE', path),
      stranger.call('DELETE', `${path}?erase=true`),
      stranger.call('POST', `${path}/restore`, { seq: 1 }),
      stranger.call('POST', `/conflicts/${owned.conflictId}/resolve`, { keep: 'loser' }),
      stranger.call('DELETE', `/auth/devices/${owned.device}`),
    ]);
    const said = { protocol: 1, device: owned.device, epoch: null, cursor: 0, lastCounter: 0, now: 0 };
    expect((await stranger.call('POST', '/memories/sync/hello', said)).body).toMatchObject({ type: 'WELCOME', head: 0 });
    const { cursor } = (await stranger.get<Updates>('/memories/sync/updates')).body;
    await stranger.get(`/memories/sync/updates?device=${owned.device}&cursor=${cursor}`);
    const later = Date.now() + 86_400_000;
    const strange = stranger.user.user.id as UserId;
    await fixture.server.deps.append.submit({ kind: 'collect', userId: strange, deletedBefore: later, seenAfter: later });
    for (const answer of answers) expect(answer.status).toBe(404);
    const pushed = await stranger.push(owned.device, 1, 0, [
      edit(owned.memory.id, '1764000000000-0', '/content', 'x'),
      edit(owned.memory.id, '1764000000001-0', '/deleted', true),
    ]);
    expect(pushed.body.events.map((event) => event.code)).toEqual(['unknown_memory', 'unknown_memory']);
    const twin = await stranger.call<MemoryJson>('POST', '/memories', {
      id: owned.memory.id,
      content: 'mine',
      type: 'fact',
      scope: 'site',
    });
    expect(twin.status).toBe(201);
    await stranger.call('DELETE', `${path}?erase=true`);
    await ingest(stranger, { messages: [{ role: 'user', content: 'My name is PRIVATE-name' }] });
    await fixture.server.deps.accesses.flush();
    expect(await rowsOf(db, owner.user.user.id)).toEqual(before);
    expect((await owner.get<MemoryJson>(path)).body.content).toBe('PRIVATE');
  });

  it('[SEC-1] without a valid token no route answers', async () => {
    const paths = [
      'GET /memories',
      'POST /memories',
      'POST /memories/ingest',
      'GET /memories/x',
      'GET /audit',
      'GET /audit/verify',
      'GET /conflicts',
      'GET /memories/sync/updates',
      'POST /memories/sync/push',
      'POST /memories/sync/hello',
      'GET /memories/sync/snapshot',
    ];
    for (const line of paths) {
      const [method = '', path = ''] = line.split(' ');
      for (const authorization of ['', 'Bearer x', 'Basic eDp4']) {
        const response = await fetch(`${fixture.server.url}/api/v1${path}`, {
          method,
          headers: authorization === '' ? {} : { authorization },
        });
        expect(response.status, line).toBe(401);
        await response.arrayBuffer();
      }
    }
  });
});
