import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../src/server/infra/database.ts';
import { openEmbedded } from '../../../src/server/infra/embedded.ts';
import { DataDirInUse } from '../../../src/server/infra/embedded-lock.ts';

describe('openEmbedded', () => {
  let dataDir: string;
  const opened: Database[] = [];
  const open = async (onBroken = () => {}) => {
    const db = await openEmbedded({ dataDir, onBroken });
    opened.push(db);
    return db;
  };
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'aibrain-embedded-'));
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((db) => db.close()));
    rmSync(dataDir, { recursive: true, force: true });
  });

  it('keeps what was written, and leaves other files of the folder alone', { timeout: 20_000 }, async () => {
    writeFileSync(join(dataDir, 'secret'), 'mine');
    const first = await open();
    await first.script('create table notes (text text); create extension vector');
    await first.query('insert into notes values ($1::text)', ['kept']);
    await first.close();
    const second = await open();
    expect(await second.query('select text from notes')).toStrictEqual([{ text: 'kept' }]);
    expect(readFileSync(join(dataDir, 'secret'), 'utf8')).toBe('mine');
    expect(second.description).toMatch(/^PGlite \(PostgreSQL \d+\.\d+\) in /);
  });

  it('[DB-9] a second opener in this process is refused, until the first closed', { timeout: 20_000 }, async () => {
    const first = await open();
    await expect(open()).rejects.toThrow(DataDirInUse);
    await expect(open()).rejects.toThrow(`${dataDir} is in use by process ${process.pid}: stop that server first`);
    expect(await first.query('select 1 as one')).toStrictEqual([{ one: 1 }]);
    await first.close();
    await open();
  });

  it('[DB-10] the rest of a first start that was killed is thrown away', { timeout: 20_000 }, async () => {
    mkdirSync(join(dataDir, 'postgres.new', 'base'), { recursive: true });
    writeFileSync(join(dataDir, 'postgres.new', 'PG_VERSION'), '18');
    const db = await open();
    expect(await db.query('select 1 as one')).toStrictEqual([{ one: 1 }]);
    expect(readdirSync(dataDir).sort()).toStrictEqual(['lock', 'postgres']);
  });

  it('a folder of another PostgreSQL is refused with the reason, and let go of', { timeout: 20_000 }, async () => {
    await (await open()).close();
    writeFileSync(join(dataDir, 'postgres', 'PG_VERSION'), '12\n');
    await expect(open()).rejects.toThrow('database files are incompatible with server');
    await expect(open()).rejects.toThrow('database files are incompatible with server'); // and not DataDirInUse
  });

  it('[DB-13] the log stays bounded while much is written', { timeout: 60_000 }, async () => {
    const db = await open();
    await db.script('create table big (id int, text text)');
    for (let batch = 0; batch < 150; batch += 1) {
      await db.query("insert into big select id, repeat('x', 1000) from generate_series(1, 1000) as id");
    }
    const [row] = await db.query<{ written: number }>(
      'select pg_wal_lsn_diff(pg_current_wal_lsn(), redo_lsn)::int8 as written from pg_control_checkpoint()',
    );
    expect(row?.written).toBeLessThan(66 * 2 ** 20);
    expect(readdirSync(join(dataDir, 'postgres', 'pg_wal')).length).toBeLessThan(140);
  });
});
