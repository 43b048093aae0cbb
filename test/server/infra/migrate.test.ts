import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { MigrationChanged, migrate, SchemaTooNew } from '../../../src/server/infra/migrate.ts';
import { describeOnEachEngine, type TestDatabase } from '../../support/databases.ts';
import { migrationsFolder } from '../../support/migrations.ts';
import { openFurther } from '../../support/open-postgres.ts';

describeOnEachEngine('migrate', (open, engine) => {
  let place: TestDatabase;
  let folder: string;
  const write = (name: string, text: string) => writeFile(join(folder, name), text);

  beforeEach(async () => {
    place = await open({ isEmpty: true });
    folder = await mkdtemp(join(tmpdir(), 'aibrain-migrations-'));
    await write('0001-one.sql', 'create table one (id int); insert into one values (1);');
    await write('0002-two.sql', 'create table two (id int);');
  }, 60_000); // the first on this machine makes the template
  afterEach(async () => {
    await place[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('applies what is missing, in order, and says what', async () => {
    expect(await migrate(place.db, folder)).toStrictEqual(['0001-one', '0002-two']);
    expect(await migrate(place.db, folder)).toStrictEqual([]);
    await write('0003-three.sql', 'alter table two add name text;');
    expect(await migrate(place.db, folder)).toStrictEqual(['0003-three']);
    expect(await place.db.query('select id from one')).toStrictEqual([{ id: 1 }]);
  });

  it('applies the migrations of the project', async () => {
    expect(await migrate(place.db, migrationsFolder)).not.toStrictEqual([]);
    expect(await place.db.query('select * from events')).toStrictEqual([]);
  });

  it('[DB-14] of starts at once, one runs each file', async () => {
    const others = engine === 'pglite' ? [] : await Promise.all([1, 2, 3].map(() => openFurther(place)));
    const ran = await Promise.all([place.db, place.db, ...others].map((db) => migrate(db, folder)));
    expect(ran.flat().sort()).toStrictEqual(['0001-one', '0002-two']);
    await Promise.all(others.map((db) => db.close()));
  });

  it('a migration that fails leaves nothing of itself, and is named', async () => {
    await write('0002-two.sql', 'create table two (id int); select 1/0;');
    await expect(migrate(place.db, folder)).rejects.toThrow('migration 0002-two: division by zero');
    await write('0002-two.sql', 'create table two (id int);');
    expect(await migrate(place.db, folder)).toStrictEqual(['0002-two']);
  });

  it('[DB-15] refuses a database that a newer server has used', async () => {
    await migrate(place.db, folder);
    await rm(join(folder, '0002-two.sql'));
    await expect(migrate(place.db, folder)).rejects.toThrow(SchemaTooNew);
    await expect(migrate(place.db, folder)).rejects.toThrow('schema 2, this server knows 1');
  });

  it('[DB-15] refuses a file that changed after it was applied', async () => {
    await migrate(place.db, folder);
    await write('0001-one.sql', 'create table one (id bigint);');
    await expect(migrate(place.db, folder)).rejects.toThrow(MigrationChanged);
  });

  it('line ends of another system are no change', async () => {
    await write('0002-two.sql', 'create table two (\n  id int\n);\n');
    await migrate(place.db, folder);
    await write('0002-two.sql', 'create table two (\r\n  id int\r\n);\r\n');
    expect(await migrate(place.db, folder)).toStrictEqual([]);
  });

  it('refuses a gap in the numbers', async () => {
    await write('0004-four.sql', 'select 1;');
    await expect(migrate(place.db, folder)).rejects.toThrow('should be number 3');
  });
});
