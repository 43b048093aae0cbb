/**
 * The promises of `Database` (src/server/infra/database.ts), run on each engine by test/server/infra/database.test.ts.
 *
 * DB-1   Values have the same JavaScript types on both engines, parameters and arrays included.
 * DB-2   A failed statement rejects with its sqlState, without the values of parameters; the Database stays usable.
 * DB-3   A transaction is committed when its work resolves and leaves nothing when it throws; isolation and access are pinned.
 * DB-4   A commit that PostgreSQL turned into a rollback rejects.
 * DB-5   Kysely runs where it was taken from: in the transaction, or on any connection; it opens none of its own.
 * DB-6   A script is several statements and all or nothing.
 * DB-7   A statement that runs too long is ended (PostgreSQL).
 * DB-8   A lost connection is DatabaseUnavailable, and the next query works (PostgreSQL).
 * DB-9   A data folder has one opener; it is free again when the opener closed or died (PGlite).
 * DB-10  A new data folder is whole or not there, also after a kill (PGlite).
 * DB-11  What was acknowledged survives kill -9: an fsync of the log came before every acknowledgement (PGlite).
 * DB-12  A failed fsync acknowledges nothing: the Database refuses everything from then on (PGlite).
 * DB-13  The write-ahead log is bounded (PGlite).
 * DB-14  Of servers that start at once, each migration is run by one.
 * DB-15  A database newer than the code, or whose applied migrations changed, is refused.
 * DB-16  A closed Database refuses queries with DatabaseUnavailable.
 * DB-17  More than a set number do not wait for a connection: one more is DatabaseBusy at once, nothing of it was sent (PostgreSQL).
 * DB-18  No statement needs anything that an earlier one left in its session: a pooler may lend another one each time (PostgreSQL).
 * DB-19  An answer that does not come is waited for a bounded time, also that of a COPY (PostgreSQL).
 */
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Database, DatabaseError, DatabaseUnavailable } from '../../src/server/infra/database.ts';
import type { Engine, OpenTestDatabase, TestDatabase } from '../support/databases.ts';

type Values = readonly (readonly [type: string, value: unknown])[];

const values: Values = [
  ['int2', -32_768],
  ['int4', 2_147_483_647],
  ['int8', Number.MAX_SAFE_INTEGER],
  ['int8', -Number.MAX_SAFE_INTEGER],
  ['float8', 0.1],
  ['bool', false],
  ['text', ''],
  ['text', 'NULL, "quoted" \\ {braces}, \n Ünïcödé 🧠'],
  ['uuid', '0190b5a8-7d3f-7c1e-8e5a-1b2c3d4e5f60'],
  ['bytea', Buffer.alloc(0)],
  ['bytea', Buffer.from([0, 1, 92, 34, 127, 128, 255])],
  ['timestamptz', new Date('2026-02-28T23:59:59.987Z')],
  ['timestamptz', new Date('1969-12-31T23:59:59.000Z')],
  ['text', null],
  ['int8[]', [0, null, Number.MAX_SAFE_INTEGER]],
  ['int8[]', []],
  ['text[]', ['', 'NULL', 'a,b', '"', '\\', '{}', ' spaced ', null, '\n', '🧠']],
  ['text[]', []],
  ['uuid[]', ['0190b5a8-7d3f-7c1e-8e5a-1b2c3d4e5f60']],
  ['bytea[]', [Buffer.alloc(0), Buffer.from([0, 92, 34, 255]), null]],
  ['bytea[]', []],
  ['bool[]', [true, false]],
  ['float8[]', [1.5, -2e-7]],
  ['timestamptz[]', [new Date('2026-02-28T23:59:59.987Z')]],
];

export function databaseContract(open: OpenTestDatabase, engine: Engine): void {
  let place: TestDatabase;
  let db: Database;
  beforeAll(async () => {
    place = await open();
    db = place.db;
  }, 60_000); // the first on this machine makes the template
  afterAll(() => place[Symbol.asyncDispose]());
  beforeEach(() => db.script('drop table if exists items; create table items (id int primary key, name text)'));

  valuesContract(() => db);
  failuresContract(() => db);
  transactionsContract(() => db);
  kyselyContract(() => db);

  it('says what it is', () => {
    expect(db.engine).toBe(engine);
    expect(db.description).toMatch(/PostgreSQL \d+\.\d+/);
  });

  it('[DB-16] refuses queries after close, and closes twice in peace', { timeout: 20_000 }, async () => {
    const other = await open();
    await other.db.close();
    await expect(other.db.query('select 1')).rejects.toThrow(DatabaseUnavailable);
    await expect(other.db.transaction(async () => 1)).rejects.toThrow(DatabaseUnavailable);
    await other[Symbol.asyncDispose]();
  });
}

function valuesContract(db: () => Database): void {
  it.each(values)('[DB-1] round trip of %s: %j', async (type, value) => {
    const [row] = await db().query<{ value: unknown }>(`select $1::${type} as value`, [value]);
    expect(row).toStrictEqual({ value });
  });

  it('[DB-1] bytes are Buffers, and are taken from any Uint8Array', async () => {
    const bytes = new Uint8Array([9, 1, 2, 3]).subarray(1);
    const [row] = await db().query<{ one: Buffer; many: Buffer[] }>('select $1::bytea as one, $2::bytea[] as many', [
      bytes,
      [bytes],
    ]);
    expect(row).toStrictEqual({ one: Buffer.from([1, 2, 3]), many: [Buffer.from([1, 2, 3])] });
  });

  it('[DB-1] JSON goes in as text and comes out parsed', async () => {
    const value = { a: [1, 'two', null], b: { c: true } };
    const rows = await db().query('select $1::jsonb as value, $2::jsonb as scalar', [JSON.stringify(value), '"x"']);
    expect(rows).toStrictEqual([{ value, scalar: 'x' }]);
  });

  it('[DB-1] counts are numbers; types without a JavaScript type stay text', async () => {
    const rows = await db().query(
      "select count(*) as n, 1.50::numeric as amount, date '2026-01-31' as day from generate_series(1, 3)",
    );
    expect(rows).toStrictEqual([{ n: 3, amount: '1.50', day: '2026-01-31' }]);
  });

  it('[DB-1] unnest of arrays of many rows', async () => {
    const ids = Array.from({ length: 2_000 }, (_, index) => index);
    const names = ids.map((id) => `name "${id}"`);
    await db().query({ name: 'insert-items', text: 'insert into items select * from unnest($1::int[], $2::text[])' }, [
      ids,
      names,
    ]);
    await db().query({ name: 'insert-items', text: 'insert into items select * from unnest($1::int[], $2::text[])' }, [
      [-1],
      ['again'],
    ]);
    expect(await db().query('select count(*) as n, max(name) as last from items')).toStrictEqual([
      { n: 2_001, last: 'name "999"' },
    ]);
  });
}

function failuresContract(db: () => Database): void {
  it('[DB-2] a unique violation has its sqlState and constraint, and the value is nowhere in the error', async () => {
    const insert = () => db().query('insert into items values ($1::int, $2::text)', [1, 'a secret']);
    await insert();
    const error = await insert().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({ sqlState: '23505', constraint: 'items_pkey' });
    expect(JSON.stringify([error, Object.getOwnPropertyDescriptors(error)])).not.toContain('a secret');
    expect(await db().query('select id from items')).toHaveLength(1);
  });

  it.each([
    ['selec 1', '42601'],
    ['select 1/0', '22012'],
    ['select * from nowhere', '42P01'],
    ['select 1; select 2', '42601'],
  ])('[DB-2] %s fails with %s', async (text, sqlState) => {
    await expect(db().query(text)).rejects.toMatchObject({ name: 'DatabaseError', sqlState });
    expect(await db().query('select 1 as one')).toStrictEqual([{ one: 1 }]);
  });

  it('[DB-6] a script is all or nothing', async () => {
    await db().script("insert into items values (1, 'a'); update items set name = 'b'");
    await expect(db().script('delete from items; select 1/0')).rejects.toMatchObject({ sqlState: '22012' });
    expect(await db().query('select name from items')).toStrictEqual([{ name: 'b' }]);
  });
}

function transactionsContract(db: () => Database): void {
  it('[DB-3] commits when the work resolves', async () => {
    const result = await db().transaction(async (tx) => {
      await tx.query('insert into items values (1)');
      return await tx.query('select id from items');
    });
    expect(result).toStrictEqual([{ id: 1 }]);
    expect(await db().query('select id from items')).toStrictEqual([{ id: 1 }]);
  });

  it('[DB-3] rolls back when the work throws, and passes the reason on', async () => {
    const reason = new Error('no');
    const work = db().transaction(async (tx) => {
      await tx.query('insert into items values (1)');
      throw reason;
    });
    await expect(work).rejects.toBe(reason);
    expect(await db().query('select id from items')).toStrictEqual([]);
  });

  it('[DB-3] transactions at once do not see into each other', async () => {
    const add = (id: number) =>
      db().transaction(async (tx) => {
        await tx.query('insert into items values ($1::int)', [id]);
        return (await tx.query<{ id: number }>('select id from items where id < 0')).length;
      });
    const ids = Array.from({ length: 20 }, (_, index) => index);
    await Promise.all([...ids.map(add), db().query('select 1')]);
    expect(await db().query('select count(*) as n from items')).toStrictEqual([{ n: 20 }]);
  });

  it('[DB-3] read-only refuses writes; isolation is as told', async () => {
    const write = db().transaction((tx) => tx.query('insert into items values (1)'), { readOnly: true });
    await expect(write).rejects.toMatchObject({ sqlState: '25006' });
    const level = (options?: { isolation: 'repeatable read' }) =>
      db().transaction((tx) => tx.query("select current_setting('transaction_isolation') as level"), options);
    expect(await level()).toStrictEqual([{ level: 'read committed' }]);
    expect(await level({ isolation: 'repeatable read' })).toStrictEqual([{ level: 'repeatable read' }]);
  });

  it('[DB-3] a tx that is over is refused', async () => {
    const tx = await db().transaction(async (it) => it);
    await expect(tx.query('select 1')).rejects.toThrow('has ended');
  });

  it('[DB-4] a failure that the work swallowed makes the commit reject', async () => {
    const work = db().transaction(async (tx) => {
      await tx.query('insert into items values (1)');
      await tx.query('select 1/0').catch(() => {});
    });
    await expect(work).rejects.toMatchObject({ sqlState: '25P02' });
    expect(await db().query('select id from items')).toStrictEqual([]);
  });
}

function kyselyContract(db: () => Database): void {
  const user = { user_id: '0190b5a8-7d3f-7c1e-8e5a-1b2c3d4e5f60', email: 'a@b.c' };
  beforeEach(() => db().script('delete from accounts'));

  it('[DB-5] inserts, selects, counts', async () => {
    await db().kysely.insertInto('accounts').values(user).execute();
    expect(await db().kysely.selectFrom('accounts').selectAll().execute()).toStrictEqual([expect.objectContaining(user)]);
    const updated = await db().kysely.updateTable('accounts').set({ email: 'd@e.f' }).executeTakeFirst();
    expect(updated.numUpdatedRows).toBe(1n);
    expect((await sql<{ one: number }>`select 1 as one`.execute(db().kysely)).rows).toStrictEqual([{ one: 1 }]);
  });

  it('[DB-5] tx.kysely is part of the transaction', async () => {
    const work = db().transaction(async (tx) => {
      await tx.kysely.insertInto('accounts').values(user).execute();
      throw new Error(`seen: ${(await tx.query('select * from accounts')).length}`);
    });
    await expect(work).rejects.toThrow('seen: 1');
    expect(await db().kysely.selectFrom('accounts').selectAll().execute()).toStrictEqual([]);
  });

  it('[DB-5] Kysely opens no transaction of its own', async () => {
    const work = db()
      .kysely.transaction()
      .execute(async () => 1);
    await expect(work).rejects.toThrow('use Database.transaction()');
  });
}
