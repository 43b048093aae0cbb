import type * as Fs from 'node:fs';
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Database, DatabaseUnavailable } from '../../../src/server/infra/database.ts';
import { openEmbedded } from '../../../src/server/infra/embedded.ts';
import { createTestFolder } from '../../support/databases-pglite.ts';

const disk = vi.hoisted(() => ({ failure: undefined as string | undefined }));

vi.mock('node:fs', async (importOriginal) => {
  const original = await importOriginal<typeof Fs>();
  const fdatasyncSync: typeof Fs.fdatasyncSync = (fd) => {
    if (disk.failure !== undefined) throw Object.assign(new Error(disk.failure), { code: disk.failure });
    original.fdatasyncSync(fd);
  };
  return { ...original, fdatasyncSync };
});

describe('openEmbedded on a disk that fails', () => {
  let dataDir: string;
  let db: Database;
  const reports: Error[] = [];
  beforeEach(async () => {
    dataDir = await createTestFolder();
    reports.length = 0;
    db = await openEmbedded({ dataDir, onBroken: (error) => reports.push(error) });
    await db.script('create table items (id int); insert into items values (1)');
  }, 60_000); // the first on this machine makes the template
  afterEach(() => {
    disk.failure = undefined;
    rmSync(dataDir, { recursive: true, force: true });
  });

  const insert = 'insert into items values (2)';
  const writes: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['a statement', () => db.query(insert)],
    ['a script', () => db.script(insert)],
    ['a transaction', () => db.transaction((tx) => tx.query(insert))],
  ];

  for (const code of ['EIO', 'ENOSPC']) {
    it.each(writes)(
      `[DB-12] ${code}: %s is not acknowledged, and nothing is served after`,
      { timeout: 20_000 },
      async (_, write) => {
        disk.failure = code;
        const queued = [write(), db.query('select 1')];
        for (const attempt of await Promise.allSettled(queued)) {
          expect(attempt).toMatchObject({ status: 'rejected', reason: expect.any(DatabaseUnavailable) });
        }
        await expect(db.query('select 1')).rejects.toThrow('needs a restart');
        expect(reports).toHaveLength(1);
        disk.failure = undefined;
        await db.close();
        const again = await openEmbedded({ dataDir });
        expect(await again.query('select id from items where id = 1')).toHaveLength(1);
        await again.close();
      },
    );
  }
});
