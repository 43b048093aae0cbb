/** What the doctor finds in a PostgreSQL: well, and broken in one thing after the other. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../support/databases.ts';
import { complaints, diagnose, messagesOf } from '../../support/doctor.ts';

describe('the doctor on PostgreSQL', () => {
  let place: TestDatabase;
  const role = `doctor_${randomBytes(4).toString('hex')}`;
  beforeAll(async () => {
    place = await testDatabase('postgresql');
    await place.db.script(`create role ${role} login password 'hunter2hunter2'`);
  });
  afterAll(async () => {
    await place?.db.script(`drop owned by ${role}; drop role ${role}`);
    await place?.[Symbol.asyncDispose]();
  });

  const urlWith = (change: (url: URL) => void): string => {
    const url = new URL(place.place);
    change(url);
    return url.href;
  };

  it('is content with a database that a server has started on', async () => {
    const found = await diagnose({ DATABASE_URL: place.place });
    expect(complaints(found)).toEqual([]);
    expect(messagesOf(found, 'database')).toEqual([expect.stringContaining('PostgreSQL')]);
    expect(messagesOf(found, 'write')).toEqual(['a row was written and taken back']);
    expect(messagesOf(found, 'connections')).toEqual([expect.stringMatching(/enough for \d+ nodes/)]);
    expect(await place.db.query('select email from accounts')).toEqual([]);
  });

  it('tells a server that is not there from a database that is not', async () => {
    const nobody = await diagnose({ DATABASE_URL: urlWith((url) => (url.port = '1')) });
    expect(complaints(nobody, 'database')).toEqual([expect.stringContaining('ECONNREFUSED')]);
    const none = await diagnose({ DATABASE_URL: urlWith((url) => (url.pathname = '/no_such_database')) });
    expect(complaints(none, 'database')).toEqual([expect.stringContaining('no_such_database')]);
    expect(none.find(({ check }) => check === 'database')?.fix).toContain('createdb');
  });

  it('says that a user may not write', async () => {
    const asRole = urlWith((url) => Object.assign(url, { username: role, password: 'hunter2hunter2' }));
    await place.db.script(`grant select on schema_migrations to ${role}`);
    const found = await diagnose({ DATABASE_URL: asRole });
    expect(complaints(found)).toEqual([expect.stringContaining('permission denied')]);
    expect(found.find(({ state }) => state === 'fail')?.fix).toContain('grant');
    expect(JSON.stringify(found)).not.toContain('hunter2');
  });

  it('says that the pool is larger than the server lets in', async () => {
    const found = await diagnose({ DATABASE_URL: place.place, DATABASE_POOL_SIZE: '1000' });
    expect(complaints(found, 'connections')).toEqual([expect.stringMatching(/^fail: 1002 are wanted/)]);
  });

  it.each([
    ['synchronous_commit', 'off', 'settings', 'a crash loses writes that were acknowledged'],
    ['default_transaction_read_only', 'on', 'write', 'the database is read-only'],
  ])('says what %s = %s means', async (setting, value, check, message) => {
    const [row] = await place.db.query<{ name: string }>('select current_database()::text as name');
    await place.db.script(`alter database ${row?.name} set ${setting} = '${value}'`);
    const found = await diagnose({ DATABASE_URL: place.place });
    await place.db.script(`alter database ${row?.name} reset ${setting}`);
    expect(complaints(found)).toEqual([expect.stringContaining(message)]);
    expect(complaints(found, check)).toHaveLength(1);
  });

  it('says that a migration is missing, or is not known here', async () => {
    await place.db.query("insert into schema_migrations values (9999, 'later', '', now())");
    expect(complaints(await diagnose({ DATABASE_URL: place.place }))).toEqual([
      expect.stringMatching(/^fail: the schema is 9999/),
    ]);
    await place.db.query('delete from schema_migrations where version > 1');
    expect(complaints(await diagnose({ DATABASE_URL: place.place }))).toEqual([
      expect.stringMatching(/^warn: the schema is 1 of/),
    ]);
  });
});
