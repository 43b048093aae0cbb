/** API keys as their holders see them. */
import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { parseApiKey } from '../../../src/server/access/api-key.ts';
import { type Api, creation, useServer } from '../../support/api.ts';
import { creation as creationOps, newMemoryId } from '../../support/append.ts';
import { describeOnEachEngine } from '../../support/databases.ts';
import { TestDevice } from '../../support/device.ts';
import { send } from '../../support/http.ts';

interface Key {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
  readonly key: string;
}
interface KeyList {
  readonly apiKeys: readonly Key[];
  readonly nextCursor: string | null;
}

let aheadMs = 0;

describeOnEachEngine('API keys', (open) => {
  const fixture = useServer(open, {}, () => Date.now() + aheadMs);
  const make = async (api: Api, scopes: readonly string[], more: object = {}): Promise<Key> => {
    const { status, body } = await api.call<Key>('POST', '/auth/api-keys', { name: 'script', scopes, ...more });
    expect(status).toBe(201);
    return body;
  };
  const withKey = (key: string, method: string, path: string, body?: unknown) =>
    send<Record<string, unknown>>(method, `${fixture.server.url}/api/v1${path}`, { token: key, body });
  const socketOf = (key: string): TestDevice => new TestDevice({ url: fixture.server.url, token: key });

  it('[SEC-5] a key is shown once, has the form that scanners find, and only its hash is stored', async () => {
    const api = await fixture.login();
    const made = await make(api, ['read', 'write']);
    expect(made.key).toMatch(/^aib_[0-9A-Za-z]{71}$/);
    expect(parseApiKey(made.key)?.userId).toBe(api.user.user.id);
    const { body } = await api.get<KeyList>('/auth/api-keys');
    expect(body).toStrictEqual({
      apiKeys: [
        {
          id: made.id,
          name: 'script',
          scopes: ['read', 'write'],
          createdAt: made.createdAt,
          expiresAt: made.expiresAt,
          lastUsedAt: null,
        },
      ],
      nextCursor: null,
    });
    expect(Date.parse(made.expiresAt ?? '') - Date.parse(made.createdAt)).toBe(90 * 86_400_000);
    const rows = await fixture.server.deps.db.query<{ row: string }>(
      'select k::text as row from api_keys k where user_id = $1::uuid',
      [api.user.user.id],
    );
    expect(rows).toHaveLength(1);
    expect(rows[0]?.row).not.toContain(made.key.slice(4, 40));
    await withKey(made.key, 'GET', '/memories');
    const used = (await api.get<KeyList>('/auth/api-keys')).body.apiKeys[0]?.lastUsedAt;
    expect(Date.parse(used ?? '')).toBeGreaterThanOrEqual(Date.parse(made.createdAt));
  });

  it('[SEC-5] a scope includes those before it, and no other', async () => {
    const api = await fixture.login();
    const [read, write, admin] = [await make(api, ['read']), await make(api, ['write']), await make(api, ['admin'])];
    const fact = { content: 'Tea', type: 'fact', scope: 'site' };
    const push = { device: randomUUID(), firstCounter: 1, base: 0, ops: [creation(randomUUID(), '1764000000000-0')] };
    const statuses = async ({ key }: Key): Promise<readonly number[]> => [
      (await withKey(key, 'GET', '/memories')).status,
      (await withKey(key, 'POST', '/memories/search', { query: 'tea' })).status,
      (await withKey(key, 'GET', '/auth/me')).status,
      (await withKey(key, 'POST', '/memories', fact)).status,
      (await withKey(key, 'POST', '/memories/sync/push', { ...push, device: randomUUID() })).status,
      (await withKey(key, 'GET', '/auth/devices')).status,
      (await withKey(key, 'GET', '/auth/api-keys')).status,
    ];
    expect(await statuses(read)).toEqual([200, 200, 200, 403, 403, 403, 403]);
    expect(await statuses(write)).toEqual([200, 200, 200, 201, 200, 403, 403]);
    expect(await statuses(admin)).toEqual([200, 200, 200, 201, 200, 200, 200]);
    const refused = await withKey(read.key, 'POST', '/memories', fact);
    expect(refused.body).toMatchObject({ code: 'insufficient_scope', status: 403 });
  });

  it('[SEC-5] a key makes no keys, whatever its scopes', async () => {
    const api = await fixture.login();
    const { key } = await make(api, ['admin']);
    const second = await withKey(key, 'POST', '/auth/api-keys', { name: 'second', scopes: ['read'] });
    expect([second.status, second.body['code']]).toEqual([403, 'insufficient_scope']);
  });

  it('[SEC-5] on a socket a key that reads is refused its PUSH, and one that writes is not', async () => {
    const api = await fixture.login();
    const [read, write] = [await make(api, ['read']), await make(api, ['write'])];
    const reader = await socketOf(read.key).connect();
    const writer = await socketOf(write.key).connect();
    await writer.write(newMemoryId(), creationOps('by a key')).untilCaughtUp();
    await reader.until(() => reader.replica.cursor === 1, 'the write of the other');
    reader.write(newMemoryId(), creationOps('refused'));
    expect(await reader.untilFrame('ERROR')).toMatchObject({ code: 'insufficient_scope' });
    expect((await api.get<{ head: number }>('/memories/sync/updates')).body.head).toBe(1);
    reader.cut();
    writer.cut();
  });

  it('[SEC-5] a revoked key is refused at once, its sockets close, its device leaves the list', async () => {
    const api = await fixture.login();
    const made = await make(api, ['read']);
    const socket = await socketOf(made.key).connect();
    expect((await api.get<{ devices: unknown[] }>('/auth/devices')).body.devices.length).toBeGreaterThan(1);
    expect((await api.call('DELETE', `/auth/api-keys/${made.id}`)).status).toBe(204);
    await socket.until(() => socket.closeCode !== null, 'closed');
    expect((await withKey(made.key, 'GET', '/memories')).status).toBe(401);
    expect((await api.call('DELETE', `/auth/api-keys/${made.id}`)).body.code).toBe('unknown_api_key');
    expect((await api.get<KeyList>('/auth/api-keys')).body.apiKeys).toEqual([]);
  });

  it('[SEC-5] a key ends with its time, with its device, with a logout by it, and with a change of the password', async () => {
    const api = await fixture.login();
    const soon = await make(api, ['read'], { expiresAt: new Date(Date.now() + 60_000).toISOString() });
    const never = await make(api, ['read'], { expiresAt: null });
    const [left, revoked, last] = [await make(api, ['read']), await make(api, ['read']), await make(api, ['read'])];
    aheadMs = 61_000;
    expect((await withKey(soon.key, 'GET', '/memories')).status).toBe(401);
    expect((await withKey(never.key, 'GET', '/memories')).status).toBe(200);
    aheadMs = 0;
    expect((await withKey(left.key, 'POST', '/auth/logout')).status).toBe(204);
    expect((await withKey(left.key, 'GET', '/memories')).status).toBe(401);
    const { device } = (await withKey(revoked.key, 'GET', '/auth/me')).body as { device: { id: string } };
    expect((await api.call('DELETE', `/auth/devices/${device.id}`)).status).toBe(204);
    expect((await withKey(revoked.key, 'GET', '/memories')).body['code']).toBe('device_revoked');
    const change = { current: api.user.password, next: 'another long passphrase' };
    expect((await api.call('POST', '/auth/password', change)).status).toBe(204);
    for (const { key } of [never, last]) expect((await withKey(key, 'GET', '/memories')).status).toBe(401);
    expect((await api.get<KeyList>('/auth/api-keys')).body.apiKeys).toEqual([]);
  });

  it('[SEC-1] another user neither sees nor revokes it', async () => {
    const [owner, stranger] = [await fixture.login(), await fixture.login()];
    const made = await make(owner, ['read']);
    expect((await stranger.get<KeyList>('/auth/api-keys')).body.apiKeys).toEqual([]);
    expect((await stranger.call('DELETE', `/auth/api-keys/${made.id}`)).status).toBe(404);
    expect((await withKey(made.key, 'GET', '/memories')).status).toBe(200);
  });

  it('[SEC-5] what only looks like a key is refused, one character or case changed too', async () => {
    const api = await fixture.login();
    const { key } = await make(api, ['read']);
    const forged = [
      'aib_',
      `aib_${'0'.repeat(71)}`,
      `aib_${'z'.repeat(71)}`,
      key.toLowerCase(),
      `${key}0`,
      key.slice(0, -1),
      ...[4, 20, 40, 68, 70, 74].map((at) => `${key.slice(0, at)}${key[at] === 'A' ? 'B' : 'A'}${key.slice(at + 1)}`),
    ];
    for (const text of forged) expect((await withKey(text, 'GET', '/memories')).status, text).toBe(401);
  });

  it('[SEC-2] a key that cannot be is not made', async () => {
    const api = await fixture.login();
    const bad: readonly (readonly [string, object])[] = [
      ['name', { scopes: ['read'] }],
      ['name', { name: '', scopes: ['read'] }],
      ['scopes', { name: 'x' }],
      ['scopes', { name: 'x', scopes: [] }],
      ['scopes.0', { name: 'x', scopes: ['root'] }],
      ['scopes', { name: 'x', scopes: ['read', 'read'] }],
      ['expiresAt', { name: 'x', scopes: ['read'], expiresAt: 'tomorrow' }],
      ['expiresAt', { name: 'x', scopes: ['read'], expiresAt: '2001-01-01T00:00:00Z' }],
    ];
    for (const [path, body] of bad) {
      const answer = await api.call('POST', '/auth/api-keys', body);
      expect([answer.status, answer.body.errors?.[0]?.path], JSON.stringify(body)).toEqual([400, path]);
    }
  });

  it('the list has pages', async () => {
    const api = await fixture.login();
    const made = [await make(api, ['read']), await make(api, ['read']), await make(api, ['read'])].map(({ id }) => id);
    const first = (await api.get<KeyList>('/auth/api-keys?limit=2')).body;
    const rest = (await api.get<KeyList>(`/auth/api-keys?limit=2&cursor=${first.nextCursor}`)).body;
    expect([...first.apiKeys, ...rest.apiKeys].map(({ id }) => id)).toEqual(made);
    expect(rest.nextCursor).toBeNull();
  });
});
