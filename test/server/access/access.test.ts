import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { genesisHash } from '../../../src/core/hash-chain.ts';
import { type DeviceId, type MemoryId, serverDeviceId } from '../../../src/core/ids.ts';
import { emptyStateHash } from '../../../src/core/state-hash.ts';
import { type Access, createAccess } from '../../../src/server/access/access.ts';
import { accessLimits } from '../../../src/server/access/access-limits.ts';
import type { Login } from '../../../src/server/access/credentials.ts';
import type { EndedSession } from '../../../src/server/access/ended-sessions.ts';
import type { Principal } from '../../../src/server/access/principal.ts';
import { sha256 } from '../../../src/server/infra/bytes.ts';
import { readHead } from '../../../src/server/log/head.ts';
import { describeOnEachEngine, type TestDatabase } from '../../support/databases.ts';

const password = 'correct horse, battery staple';
const start = Date.UTC(2026, 0, 1);
const minute = 60_000;
const day = 86_400_000;

describeOnEachEngine('access', (open) => {
  let place: TestDatabase;
  /** Two nodes on one database. */
  let access: Access;
  let other: Access;
  let now = start;
  const told: EndedSession[] = [];
  beforeAll(async () => {
    place = await open();
    const deps = { db: place.db, now: () => now, stopwatch: () => now, secret: Buffer.alloc(32, 7) };
    const options = { accessTokenMs: 15 * minute, refreshTokenMs: 30 * day, sessionCacheMs: 1_000 };
    access = createAccess(deps, options);
    other = createAccess(deps, options);
    access.endedSessions.listen((ended) => told.push(ended));
  });
  beforeEach(() => {
    now = start;
    told.length = 0;
  });
  afterAll(() => place?.[Symbol.asyncDispose]());

  const rows = async <Row>(text: string, params: readonly unknown[] = []): Promise<readonly Row[]> =>
    await place.db.query<Row>(text, params);
  const register = async (): Promise<Login> =>
    unwrapped(await access.register({ email: `${randomUUID()}@example.org`, password }));
  const login = async ({ user }: Login): Promise<Login> => unwrapped(await access.login({ email: user.email, password }));
  const principalOf = async ({ token }: Login): Promise<Principal> => unwrapped(await access.authenticate(token));

  it('a new user has an empty log of an epoch of its own, and a device of ordinal 1', async () => {
    const { user, device } = await register();
    const head = await readHead(place.db, user.id);
    if (head === null) throw new Error('there is no head');
    expect(head).toMatchObject({ seq: 0, floor: 0, live: 0, clock: new Map(), stateHash: emptyStateHash });
    expect(Buffer.from(head.hash)).toStrictEqual(genesisHash(sha256, head.epoch));
    expect(head.deviceByOrdinal).toStrictEqual(
      new Map([
        [0, serverDeviceId],
        [1, device.id],
      ]),
    );
    expect(user.createdAt).toBe(start);
  });

  it('[SEC-2] a registration that fails leaves nothing', async () => {
    const count = () => rows('select (select count(*) from accounts) + (select count(*) from user_heads) as count');
    const before = await count();
    const email = `${randomUUID()}@example.org`;
    await expect(access.register({ email, password, device: { id: serverDeviceId } })).rejects.toThrow();
    expect(await count()).toStrictEqual(before);
  });

  describe('tokens', () => {
    it('say who asks, from which device, until when', async () => {
      const { token, user, device } = await register();
      expect(await access.authenticate(token)).toStrictEqual({
        ok: true,
        value: {
          userId: user.id,
          sessionId: expect.any(String),
          device: { ordinal: 1, id: device.id },
          deviceName: 'Device 1',
          tokenExpiresAt: start + 15 * minute,
        },
      });
    });

    it('hold until their end, and not after', async () => {
      const { token, tokenExpiresAt } = await register();
      now = tokenExpiresAt - 1;
      expect((await access.authenticate(token)).ok).toBe(true);
      now = tokenExpiresAt;
      expect(await access.authenticate(token)).toStrictEqual({ ok: false, error: 'unauthorized' });
    });

    it('a logout holds on every node at once', async () => {
      const session = await register();
      expect((await other.authenticate(session.token)).ok).toBe(true);
      await access.logout(await principalOf(session));
      expect(await other.authenticate(session.token)).toStrictEqual({ ok: false, error: 'unauthorized' });
    });

    it('are stored as hashes only', async () => {
      const { refreshToken, user } = await register();
      const [row] = await rows<{ hash: Buffer }>('select hash from refresh_tokens where user_id = $1::uuid', [user.id]);
      expect(row?.hash).toStrictEqual(sha256(Buffer.from(refreshToken)));
      const [stored] = await rows<{ password_hash: string }>('select password_hash from users where user_id = $1::uuid', [
        user.id,
      ]);
      expect(stored?.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    });

    it('those that are long over are cleared away', async () => {
      const session = await register();
      let { refreshToken } = session;
      for (let i = 0; i < 5; i++) {
        now += 10 * day;
        refreshToken = unwrapped(await access.refresh(refreshToken)).refreshToken;
      }
      // Those of the last 30 days, the newest included.
      expect(await rows('select 1 from refresh_tokens where user_id = $1::uuid', [session.user.id])).toHaveLength(4);
      now += 31 * day;
      await login(session);
      expect(await rows('select 1 from refresh_tokens where user_id = $1::uuid', [session.user.id])).toHaveLength(1);
      expect(await rows('select 1 from sessions where user_id = $1::uuid', [session.user.id])).toHaveLength(1);
    });
  });

  describe('[SYN-9] whoever holds a socket is told', () => {
    it('of a logout', async () => {
      const principal = await principalOf(await register());
      await access.logout(principal);
      expect(told).toStrictEqual([{ userId: principal.userId, sessionId: principal.sessionId }]);
    });

    it('of a refresh token that was used twice', async () => {
      const session = await register();
      const { userId, sessionId } = await principalOf(session);
      await access.refresh(session.refreshToken);
      expect(await access.refresh(session.refreshToken)).toStrictEqual({ ok: false, error: 'refresh_reused' });
      expect(told).toStrictEqual([{ userId, sessionId }]);
    });

    it('of a changed password: every other session', async () => {
      const session = await register();
      const others = [await principalOf(await login(session)), await principalOf(await login(session))];
      await access.changePassword(await principalOf(session), { current: password, next: 'another long passphrase' });
      const expected = others.map(({ userId, sessionId }) => ({ userId, sessionId }));
      expect(told).toHaveLength(2);
      expect(told).toEqual(expect.arrayContaining(expected));
    });

    it('of a revoked device, and of the sessions begun on it', async () => {
      const session = await register();
      const phone = await principalOf(await login(session));
      await access.revokeDevice(session.user.id, phone.device.id);
      const { userId, sessionId } = phone;
      expect(told).toStrictEqual([
        { userId, deviceId: phone.device.id },
        { userId, sessionId },
      ]);
    });

    it('of an erased account; and no more after it stopped listening', async () => {
      const { user } = await register();
      const heard: EndedSession[] = [];
      const stop = access.endedSessions.listen((ended) => heard.push(ended));
      await access.deleteUser(user.id, password);
      stop();
      await access.logout(await principalOf(await register()));
      expect(heard).toStrictEqual([{ userId: user.id }]);
    });
  });

  describe('replicas', () => {
    it('the device of the login is itself', async () => {
      const principal = await principalOf(await register());
      expect(await access.openReplica(principal, principal.device.id)).toStrictEqual({ ok: true, value: principal.device });
    });

    it('an unknown id is registered with the next ordinal, and found again', async () => {
      const principal = await principalOf(await register());
      const id = newDeviceId();
      expect(await access.openReplica(principal, id)).toStrictEqual({ ok: true, value: { ordinal: 2, id } });
      expect(await other.openReplica(principal, id)).toStrictEqual({ ok: true, value: { ordinal: 2, id } });
    });

    it('many at once get ordinals without a gap, one id always the same', async () => {
      const principal = await principalOf(await register());
      const ids = Array.from({ length: 6 }, newDeviceId);
      const opened = await Promise.all(
        [...ids, ...ids].map((id, i) => (i % 2 === 0 ? access : other).openReplica(principal, id)),
      );
      const replicas = opened.map(unwrapped);
      expect(new Set(replicas.map(({ ordinal }) => ordinal))).toStrictEqual(new Set([2, 3, 4, 5, 6, 7]));
      expect(replicas.slice(0, 6)).toStrictEqual(replicas.slice(6));
    });

    it('a revoked id is refused, on every node, and its ordinal is not given again', async () => {
      const principal = await principalOf(await register());
      const id = newDeviceId();
      await access.openReplica(principal, id);
      await access.revokeDevice(principal.userId, id);
      expect(await other.openReplica(principal, id)).toStrictEqual({ ok: false, error: 'device_revoked' });
      expect(unwrapped(await access.openReplica(principal, newDeviceId())).ordinal).toBe(3);
      expect((await access.authenticate((await login(await register())).token)).ok).toBe(true);
    });

    it('the server’s id is nobody’s', async () => {
      const principal = await principalOf(await register());
      expect(await access.openReplica(principal, serverDeviceId)).toStrictEqual({ ok: false, error: 'device_revoked' });
    });

    it('[SEC-3] there is a bound', async () => {
      const principal = await principalOf(await register());
      await place.db.query(
        `insert into devices (user_id, ordinal, id, name, created_at, last_seen_at)
          select $1::uuid, n, gen_random_uuid(), 'x', now(), now() from generate_series(2, $2::int) as n`,
        [principal.userId, accessLimits.devices],
      );
      expect(await access.openReplica(principal, newDeviceId())).toStrictEqual({ ok: false, error: 'too_many_devices' });
    });
  });

  it('[SEC-1] an erased user leaves no row in any table, and nobody else loses one', async () => {
    const [gone, kept] = [await register(), await register()];
    for (const { user } of [gone, kept]) await fillTables(user.id);
    const before = await countRows(kept.user.id);
    expect(await countRows(gone.user.id)).toStrictEqual(before);
    expect([...before.values()].every((count) => count > 0)).toBe(true);
    expect(await access.deleteUser(gone.user.id, 'not the password')).toStrictEqual({ ok: false, error: 'invalid_credentials' });
    expect(await countRows(gone.user.id)).toStrictEqual(before);
    await access.deleteUser(gone.user.id, password);
    expect([...(await countRows(gone.user.id)).values()].every((count) => count === 0)).toBe(true);
    expect(await countRows(kept.user.id)).toStrictEqual(before);
  });

  /** Every table that has the column, whether the code knows it or not. */
  async function countRows(userId: string): Promise<ReadonlyMap<string, number>> {
    const tables = await rows<{ name: string }>(
      `select table_name::text as name from information_schema.columns
        where column_name = 'user_id' and table_schema = current_schema() order by 1`,
    );
    const counts = new Map<string, number>();
    for (const { name } of tables) {
      const [row] = await rows<{ count: number }>(`select count(*) from ${name} where user_id = $1::uuid`, [userId]);
      counts.set(name, row?.count ?? 0);
    }
    return counts;
  }

  /** A row in each table that registering leaves empty. */
  async function fillTables(userId: string): Promise<void> {
    const id = randomUUID() as MemoryId;
    await place.db.query("insert into events values ($1::uuid, 1, 1, 1, $2::uuid, 0, 0, 0, '', '', '', null, '')", [userId, id]);
    await place.db.query(
      `insert into memories (user_id, id, seq, deleted, erased, open_conflicts, created_ms, updated_ms, type, scope, content, tags, stamps)
        values ($1::uuid, $2::uuid, 1, false, false, 0, 0, 0, 'fact', 'site', 'x', '{}', '')`,
      [userId, id],
    );
    await place.db.query(
      `insert into conflicts (user_id, id, memory_id, register, winner_seq, loser_seq, winner_device, loser_device, winner_value, loser_value, at_ms)
        values ($1::uuid, $2::uuid, $2::uuid, 'content', 1, 2, 1, 1, '1', '2', 0)`,
      [userId, id],
    );
    await place.db.query('insert into memory_accesses values ($1::uuid, $2::uuid, 1, 0)', [userId, id]);
    await place.db.query("insert into ingested_messages values ($1::uuid, '', '', 0, null, now(), array[$2::uuid])", [
      userId,
      id,
    ]);
    await place.db.query('insert into recall_heads values ($1::uuid, 1, 1, 1)', [userId]);
    await place.db.query("insert into memory_texts values ($1::uuid, $2::uuid, 1, null, 0, 'x')", [userId, id]);
    await place.db.query("insert into text_terms values ($1::uuid, 'x', 1)", [userId]);
    await place.db.query("insert into vector_heads (user_id, model) values ($1::uuid, 'm')", [userId]);
    await place.db.query(
      `insert into memory_vectors (user_id, model, memory_id, content_hash, h, b)
        values ($1::uuid, 'm', $2::uuid, '', array_fill(1, array[1536])::halfvec, repeat('1', 1536)::bit(1536))`,
      [userId, id],
    );
    await place.db.query('insert into epochs values ($1::uuid, $2::uuid, 1, now())', [userId, id]);
  }
});

const newDeviceId = (): DeviceId => randomUUID() as DeviceId;

function unwrapped<T>(result: { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown }): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}
