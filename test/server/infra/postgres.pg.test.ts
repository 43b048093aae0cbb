import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Database, DatabaseUnavailable } from '../../../src/server/infra/database.ts';
import { openPostgres } from '../../../src/server/infra/postgres.ts';
import { type TestDatabase, testDatabase, testDatabaseUrl } from '../../support/databases.ts';
import { openDirect, openFurther } from '../../support/open-postgres.ts';
import { testMode } from '../../support/test-mode.ts';

describe.skipIf(testDatabaseUrl === undefined)('PostgreSQL', () => {
  let place: TestDatabase;
  let killer: Database;
  beforeAll(async () => {
    place = await testDatabase('postgresql');
    killer = await openDirect(place, { poolSize: 1 });
  });
  afterAll(async () => {
    await killer.close();
    await place[Symbol.asyncDispose]();
  });

  const killOthers = () =>
    killer.query(`
      select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`);

  it('[DB-8] a statement whose connection is lost is DatabaseUnavailable; the next one works', async () => {
    const slow = place.db.query('select pg_sleep(30)').catch((error: unknown) => error);
    await until(() => killer.query("select 1 from pg_stat_activity where query like '%pg_sleep(30)' and state = 'active'"));
    await killOthers();
    expect(await slow).toBeInstanceOf(DatabaseUnavailable);
    expect(await place.db.query('select 1 as one')).toStrictEqual([{ one: 1 }]);
  });

  it('[DB-8] a transaction whose connection is lost is DatabaseUnavailable and leaves nothing', async () => {
    await place.db.script('create table lost (id int)');
    const work = place.db.transaction(async (tx) => {
      await tx.query('insert into lost values (1)');
      await killOthers();
    });
    await expect(work).rejects.toThrow(DatabaseUnavailable);
    expect(await place.db.query('select * from lost')).toStrictEqual([]);
  });

  it('[DB-8] the loss of idle connections does not end the process', async () => {
    const idle = await openFurther(place);
    await Promise.all([1, 2, 3].map(() => idle.query('select 1')));
    await killOthers();
    await until(() => idle.query('select 1 as one').catch(() => []));
    await idle.close();
  });

  it('[DB-8] nobody listening is DatabaseUnavailable', async () => {
    const nobody = openPostgres({ url: 'postgres://user:secret@127.0.0.1:1/none' });
    await expect(nobody).rejects.toThrow(DatabaseUnavailable);
    await expect(nobody).rejects.not.toThrow('secret');
  });

  it('[DB-7] a statement that runs too long is ended with 57014', async () => {
    const hasty = await openFurther(place, { statementTimeoutMs: 50 });
    await expect(hasty.query('select pg_sleep(30)')).rejects.toMatchObject({ sqlState: '57014' });
    await expect(hasty.transaction((tx) => tx.query('select pg_sleep(30)'))).rejects.toMatchObject({ sqlState: '57014' });
    const patient = hasty.transaction((tx) => tx.query('select 1 from pg_sleep(0.2)'), { statementTimeoutMs: 0 });
    expect(await patient).toHaveLength(1);
    await hasty.close();
  });

  it('[DB-2] of two transactions that wait for each other one fails with 40P01', async () => {
    await place.db.script('create table locks (id int primary key); insert into locks values (1), (2)');
    const lock = 'select id from locks where id = $1::int for update';
    const second = createGate();
    const first = createGate();
    const take = (mine: number, theirs: number, opened: () => void, other: Promise<void>) =>
      place.db.transaction(async (tx) => {
        await tx.query(lock, [mine]);
        opened();
        await other;
        await tx.query(lock, [theirs]);
      });
    const ends = await Promise.allSettled([take(1, 2, first.open, second.opened), take(2, 1, second.open, first.opened)]);
    const failures = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
    expect(failures).toMatchObject([{ name: 'DatabaseError', sqlState: '40P01' }]);
  });

  it('the description names the place and no password', async () => {
    const url = new URL(place.place);
    url.password = 'secret';
    const db = await openPostgres({ url: url.href, pooler: testMode.pooler });
    expect(db.description).toMatch(/^PostgreSQL [\d.]+ at [\w.]+:\d+\/aibrain_test_/);
    await db.close();
  });
});

async function until(find: () => Promise<readonly unknown[]>): Promise<void> {
  while ((await find()).length === 0);
}

function createGate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
