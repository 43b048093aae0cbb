/** Citus is not here: a stand-in of its function notes how it is called, so what is seen is the order and the columns. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { distribute, NoCitus, planDistribution } from '../../../src/server/infra/distribute.ts';
import { type TestDatabase, testDatabase } from '../../support/databases.ts';
import { tablesOfUsers } from '../../support/fenced-database.ts';

let place: TestDatabase;
beforeAll(async () => {
  place = await testDatabase();
});
afterAll(() => place[Symbol.asyncDispose]());

it('[LOG-8] every table is cut by user, beside users, and what refers to another comes after it', async () => {
  const plan = await planDistribution(place.db);
  expect(plan.map(({ table }) => table).sort()).toEqual([...(await tablesOfUsers(place.db))].sort());
  expect(plan[0]).toEqual({ table: 'users', column: 'user_id', colocateWith: 'none' });
  expect(plan.at(-1)).toEqual({ table: 'accounts', column: 'email', colocateWith: 'none' });
  for (const { table, column, colocateWith } of plan.slice(1, -1)) {
    expect([column, colocateWith], table).toEqual(['user_id', 'users']);
  }
  const at = (name: string): number => plan.findIndex(({ table }) => table === name);
  expect(at('vector_heads')).toBeLessThan(at('memory_vectors'));
});

it('[LOG-8] without Citus it says so; with it each table is distributed once, and a second run does nothing', async () => {
  const { db } = place;
  await expect(distribute(db)).rejects.toThrow(NoCitus);
  await db.script(`
    create table pg_dist_partition (logicalrelid regclass, partkey text, colocated text);
    create function create_distributed_table(table_name regclass, distribution_column text, distribution_type text default 'hash',
        colocate_with text default 'default', shard_count int default null) returns void language plpgsql as $$
      begin
        if distribution_column = 'user_id' and colocate_with <> 'none'
          and not exists (select 1 from pg_dist_partition where logicalrelid = colocate_with::regclass)
        then raise exception 'nothing to lie beside'; end if;
        insert into pg_dist_partition values (table_name, distribution_column, colocate_with);
      end $$;`);
  const done = await distribute(db);
  expect(done).toHaveLength((await tablesOfUsers(db)).length);
  expect(await distribute(db)).toEqual([]);
  expect(await db.query('select partkey, count(*) as n from pg_dist_partition group by 1 order by 1')).toEqual([
    { partkey: 'email', n: 1 },
    { partkey: 'user_id', n: done.length - 1 },
  ]);
});
