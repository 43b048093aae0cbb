/** The second fence: what PostgreSQL lets a statement see when it forgot to say, or lied, whose rows it wants. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Database } from '../../../src/server/infra/database.ts';
import { assertFenced } from '../../../src/server/infra/row-security.ts';
import { describeOnEachEngine } from '../../support/databases.ts';
import { type FencedDatabase, fillEveryTable, openFenced, tablesOfUsers } from '../../support/fenced-database.ts';

const everybody = 'the test looks from outside';

describeOnEachEngine('[SEC-15] row-level security', (_, engine) => {
  const [owner, stranger] = [randomUUID(), randomUUID()];
  let place: FencedDatabase;
  let db: Database;
  let tables: readonly string[];
  beforeAll(async () => {
    place = await openFenced(engine);
    db = place.db;
    tables = await tablesOfUsers(db);
    await fillEveryTable(db, owner);
    await fillEveryTable(db, stranger);
  });
  afterAll(() => place[Symbol.asyncDispose]());

  const usersIn = async (table: string, params: readonly unknown[], cast: string): Promise<readonly string[]> => {
    const rows = await db.query<{ user_id: string }>(`select user_id, ${cast} from "${table}" order by 1`, params);
    return rows.map((row) => row.user_id);
  };

  it('[SEC-15] a select without a condition sees the rows of its user alone, in every table', async () => {
    expect(tables.length).toBeGreaterThanOrEqual(17);
    for (const table of tables) {
      expect(await usersIn(table, [owner], '$1::uuid'), table).toEqual([owner]);
      expect(await usersIn(table, [[owner, stranger]], '$1::uuid[]'), table).toEqual([owner, stranger].sort());
      expect(await usersIn(table, [[]], '$1::uuid[]'), table).toEqual([]);
      expect(await usersIn(table, [], '1'), table).toEqual([]);
    }
  });

  it('[SEC-15] it sees nothing of a user whom it names in a condition and not as its own', async () => {
    for (const table of tables) {
      const rows = await db.query(`select $1::uuid from "${table}" where user_id = $2::uuid`, [stranger, owner]);
      expect(rows, table).toEqual([]);
    }
  });

  it('[SEC-15] a stranger can neither change, delete nor add a row, in any table', async () => {
    for (const table of tables) {
      const changed = await db.query(
        `with me as (select $1::uuid) update "${table}" set user_id = user_id where user_id = $2::uuid returning 1`,
        [stranger, owner],
      );
      expect(changed, table).toEqual([]);
      const gone = await db.query(`with me as (select $1::uuid) delete from "${table}" where user_id = $2::uuid returning 1`, [
        stranger,
        owner,
      ]);
      expect(gone, table).toEqual([]);
      const copy = `insert into "${table}" select t.* from "${table}" t where t.user_id = $1::uuid returning 1`;
      // The row is there already, so without the fence it would be a violated key.
      await expect(db.query(copy, [owner]), table).rejects.toMatchObject({ sqlState: '23505' });
    }
    const foreign = db.query('insert into accounts (email, user_id) select $1::uuid::text, $2::uuid', [stranger, owner]);
    await expect(foreign).rejects.toMatchObject({ sqlState: '42501' });
    const moved = db.query('update memories set user_id = $2::uuid where user_id = $1::uuid', [stranger, owner]);
    await expect(moved).rejects.toMatchObject({ sqlState: '42501' });
  });

  it('[SEC-15] nothing of it is left for the next statement, also after one that failed and in a transaction', async () => {
    await expect(db.query('select $1::uuid, 1 / 0', [owner])).rejects.toMatchObject({ sqlState: '22012' });
    expect(await usersIn('memories', [], '1')).toEqual([]);
    await db.transaction(async (tx) => {
      expect(await tx.query('select user_id from memories where user_id = $1::uuid', [owner])).toHaveLength(1);
      expect(await tx.query('select user_id from memories')).toEqual([]);
      expect(await tx.query('select user_id from memories where user_id = $1::uuid', [stranger])).toHaveLength(1);
      expect(await tx.query({ text: 'select user_id from memories', everybody })).toHaveLength(2);
      expect(await tx.query('select user_id from memories')).toEqual([]);
    });
    expect(await usersIn('memories', [], '1')).toEqual([]);
    expect(await db.query({ text: 'select user_id from memories', everybody })).toHaveLength(2);
  });

  it('[SEC-15] queries of Kysely carry the user that they compare or insert', async () => {
    const seen = await db.kysely.selectFrom('memories').select('user_id').where('user_id', '=', owner).execute();
    expect(seen).toEqual([{ user_id: owner }]);
    expect(await db.kysely.selectFrom('memories').select('user_id').execute()).toEqual([]);
    const email = 'kysely@example.org';
    await db.kysely.insertInto('accounts').values({ email, user_id: stranger }).execute();
    const renamed = db.kysely.updateTable('accounts').set({ email: stranger }).where('user_id', '=', stranger);
    expect((await renamed.where('email', '=', email).executeTakeFirst()).numUpdatedRows).toBe(1n);
  });

  it('[SEC-15] a table without the fence is found at the start', async () => {
    await assertFenced(db);
    await db.script('create table left_open (user_id uuid primary key)');
    await expect(assertFenced(db)).rejects.toThrow('left_open');
    await db.script('select aibrain_fence_tables()');
    await assertFenced(db);
    await db.script('drop table left_open');
  });
});
