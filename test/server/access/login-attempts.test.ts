/** Guessing gets slower for whoever guesses, and the owner still gets in. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { DeviceId } from '../../../src/core/ids.ts';
import { type Access, createAccess } from '../../../src/server/access/access.ts';
import { attemptLimits } from '../../../src/server/access/attempt-delays.ts';
import type { Login } from '../../../src/server/access/credentials.ts';
import { deleteStaleAttempts } from '../../../src/server/access/login-attempts.ts';
import { createTokenKeys, keyOfSecret } from '../../../src/server/access/token-keys.ts';
import type { Database } from '../../../src/server/infra/database.ts';
import { describeOnEachEngine, type TestDatabase } from '../../support/databases.ts';

const password = 'correct horse, battery staple';
const { ofSource, ofStrangers, forgetAfterMs, knownForMs, knownNetworks } = attemptLimits;
const home = '192.0.2.1';
const thief = '198.51.100.1';

describeOnEachEngine('password attempts', (open) => {
  let place: TestDatabase;
  let access: Access;
  /** Another node. */
  let other: Access;
  let now = Date.UTC(2026, 0, 1);
  const statements: string[] = [];
  beforeAll(async () => {
    place = await open();
    const deps = { now: () => now, stopwatch: () => now, keys: createTokenKeys([keyOfSecret(Buffer.alloc(32, 7))]) };
    const options = { accessTokenMs: 900_000, refreshTokenMs: 30 * 86_400_000, sessionCacheMs: 0, limitsAttempts: true };
    access = createAccess({ ...deps, db: counting(place.db, statements) }, options);
    other = createAccess({ ...deps, db: place.db }, options);
  });
  beforeEach(() => {
    now += 10 * forgetAfterMs;
    statements.length = 0;
  });
  afterAll(() => place?.[Symbol.asyncDispose]());

  const register = async (): Promise<Login> => {
    const registered = await access.register({ email: `${randomUUID()}@example.org`, password, address: home });
    if (!registered.ok) throw new Error(registered.error.code);
    return registered.value;
  };
  const attempt = async (email: string, address: string, given: string, device?: DeviceId, node = access): Promise<string> => {
    const result = await node.login({
      email,
      password: given,
      address,
      device: device === undefined ? undefined : { id: device },
    });
    return result.ok ? 'in' : result.error.code;
  };
  const guess = (email: string, address: string, times: number): Promise<readonly string[]> =>
    inTurn(times, () => attempt(email, address, 'a wrong guess'));

  it('[SEC-6] after ten guesses a network waits, on every node, also with the right password', async () => {
    const { user } = await register();
    expect(new Set(await guess(user.email, thief, ofSource.free))).toEqual(new Set(['invalid_credentials']));
    expect(await attempt(user.email, thief, password)).toBe('too_many_attempts');
    expect(await attempt(user.email, thief, password, undefined, other)).toBe('too_many_attempts');
    now += ofSource.firstDelayMs;
    expect(await attempt(user.email, thief, 'an eleventh guess')).toBe('invalid_credentials');
    now += ofSource.firstDelayMs;
    expect(await attempt(user.email, thief, password)).toBe('too_many_attempts');
    now += ofSource.firstDelayMs;
    expect(await attempt(user.email, thief, password)).toBe('in');
  });

  it('[SEC-6] a refusal says how long to wait', async () => {
    const { user } = await register();
    await guess(user.email, thief, ofSource.free);
    now += 10_500;
    const refused = await access.login({ email: user.email, password, address: thief });
    expect(refused).toStrictEqual({ ok: false, error: { code: 'too_many_attempts', retryAfterSeconds: 20 } });
  });

  it('[SEC-6] while one network is locked out, the owner gets in from home and from elsewhere', async () => {
    const { user } = await register();
    await guess(user.email, thief, ofSource.free + 5);
    expect(await attempt(user.email, home, password)).toBe('in');
    expect(await attempt(user.email, '203.0.113.9', password)).toBe('in');
    expect(await attempt(user.email, thief, password)).toBe('too_many_attempts');
  });

  it('[SEC-6] while a whole botnet guesses, strangers wait, and the owner does not: by a known network or a known device', async () => {
    const { user, device } = await register();
    const hits = await inTurn(ofStrangers.free, (i) => attempt(user.email, `198.51.100.${i}`, 'a wrong guess'));
    expect(new Set(hits)).toEqual(new Set(['invalid_credentials']));
    expect(await attempt(user.email, '198.51.100.200', 'a wrong guess')).toBe('too_many_attempts');
    expect(await attempt(user.email, '198.51.100.201', password)).toBe('too_many_attempts');
    expect(await attempt(user.email, '198.51.100.201', password, randomUUID() as DeviceId)).toBe('too_many_attempts');
    expect(await attempt(user.email, home, password)).toBe('in');
    expect(await attempt(user.email, '198.51.100.201', password, device.id)).toBe('in');
  });

  it('[SEC-6] what one account suffers, no other notices', async () => {
    const [attacked, neighbour] = [await register(), await register()];
    await guess(attacked.user.email, thief, ofSource.free + 1);
    expect(await attempt(neighbour.user.email, thief, password)).toBe('in');
  });

  it('[SEC-6] a known device that is guessed on waits too', async () => {
    const { user, device } = await register();
    await inTurn(ofSource.free, () => attempt(user.email, home, 'a wrong guess', device.id));
    expect(await attempt(user.email, home, password, device.id)).toBe('too_many_attempts');
    expect(await attempt(user.email, home, password)).toBe('in');
  });

  it('[SEC-6] guesses at the same time count one by one', async () => {
    const { user } = await register();
    const results = await Promise.all(Array.from({ length: 30 }, () => attempt(user.email, thief, 'a wrong guess')));
    expect(results.filter((result) => result === 'invalid_credentials').length).toBeLessThanOrEqual(ofSource.free);
  });

  it('[SEC-6] an e-mail without account is answered alike, after the same statements', async () => {
    const { user } = await register();
    const nobody = `${randomUUID()}@example.org`;
    const told = async (email: string) => {
      statements.length = 0;
      const answers = await guess(email, thief, ofSource.free + 2);
      return { answers, statements: [...statements] };
    };
    const [known, unknown] = [await told(user.email), await told(nobody)];
    expect(known.statements.length).toBeGreaterThan(0);
    expect(unknown).toStrictEqual(known);
  });

  it('[SEC-6] proving the password again is no faster way to guess it', async () => {
    const { token } = await register();
    const principal = await access.authenticate(token);
    if (!principal.ok) throw new Error(principal.error);
    const tries = await inTurn(ofSource.free, (i) =>
      i % 2 === 0
        ? access.deleteUser(principal.value, 'a wrong guess')
        : access.changePassword(principal.value, { current: 'a wrong guess', next: 'another long passphrase' }),
    );
    for (const result of tries) expect(result).toStrictEqual({ ok: false, error: { code: 'invalid_credentials' } });
    expect(await access.deleteUser(principal.value, password)).toMatchObject({ error: { code: 'too_many_attempts' } });
  });

  it('[SEC-3] what tells nothing any more is thrown away, and an account keeps few networks', async () => {
    const { user } = await register();
    await guess(`${randomUUID()}@example.org`, thief, 3);
    await inTurn(knownNetworks + 5, (i) => attempt(user.email, `203.0.113.${i}`, password));
    const count = async (where: string) =>
      (await place.db.query<{ n: number }>(`select count(*)::int as n from login_attempts where ${where}`))[0]?.n;
    expect(await count(`user_id = '${user.id}' and succeeded_at is not null`)).toBe(knownNetworks);
    now += forgetAfterMs + 1;
    await deleteStaleAttempts(place.db, now);
    expect(await count('succeeded_at is null')).toBe(0);
    expect(await count(`user_id = '${user.id}'`)).toBe(knownNetworks);
    now += knownForMs;
    await deleteStaleAttempts(place.db, now);
    expect(await count('true')).toBe(0);
  });

  it('[SEC-6] a password whose hash is of other parameters is hashed again at the login', async () => {
    const { user } = await register();
    const { hash } = await import('@node-rs/argon2');
    const cheap = await hash(password, { memoryCost: 8_192, timeCost: 1 });
    await place.db.query('update users set password_hash = $2 where user_id = $1::uuid', [user.id, cheap]);
    expect(await attempt(user.email, home, password)).toBe('in');
    const [row] = await place.db.query<{ password_hash: string }>('select password_hash from users where user_id = $1::uuid', [
      user.id,
    ]);
    expect(row?.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await attempt(user.email, home, password)).toBe('in');
  });
});

async function inTurn<T>(times: number, work: (index: number) => Promise<T>): Promise<readonly T[]> {
  const results: T[] = [];
  for (let i = 0; i < times; i++) results.push(await work(i));
  return results;
}

/** Notes the text of each statement that is not typed by Kysely, and how often Kysely was asked for. */
function counting(db: Database, statements: string[]): Database {
  return new Proxy(db, {
    get(target, name) {
      if (name === 'kysely') statements.push('kysely');
      const value: unknown = Reflect.get(target, name, target);
      if (name !== 'query') return typeof value === 'function' ? value.bind(target) : value;
      return (statement: string | { text: string }, params?: readonly unknown[]) => {
        statements.push(typeof statement === 'string' ? statement : statement.text);
        return target.query(statement, params);
      };
    },
  });
}
