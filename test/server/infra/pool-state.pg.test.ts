import { expect, it } from 'vitest';
import { openPostgres } from '../../../src/server/infra/postgres.ts';
import { watchedDatabase } from '../../../src/server/infra/watched-database.ts';
import { testDatabaseUrl } from '../../support/databases.ts';

it('a pool tells how it is used, and how long each use waited', async () => {
  const waits: number[] = [];
  const db = await openPostgres({ url: testDatabaseUrl ?? '', poolSize: 2, onAcquired: (ms) => waits.push(ms) });
  try {
    const before = waits.length;
    const releases: (() => void)[] = [];
    const held = Array.from({ length: 2 }, () =>
      db.transaction(async (tx) => {
        await tx.query('select 1');
        await new Promise<void>((resolve) => releases.push(resolve));
      }),
    );
    while (releases.length < 2) await new Promise((resolve) => setImmediate(resolve));
    const third = db.query('select 1');
    expect(db.poolState?.()).toEqual({ size: 2, open: 2, idle: 0, waiting: 1 });
    for (const release of releases) release();
    await Promise.all([...held, third]);
    expect(db.poolState?.()).toEqual({ size: 2, open: 2, idle: 2, waiting: 0 });
    expect(waits.length - before).toBe(3);
    expect(waits.every((ms) => ms >= 0)).toBe(true);
  } finally {
    await db.close();
  }
});

it('a watched database names statements, COPY and transactions, those of Kysely too, and hides no failure', async () => {
  const db = await openPostgres({ url: testDatabaseUrl ?? '', poolSize: 1 });
  const seen: string[] = [];
  const watched = watchedDatabase(db, (kind, name, work) => {
    seen.push(`${kind} ${name}`);
    return work();
  });
  try {
    await watched.query({ name: 'by-name', text: 'select 1' });
    await watched
      .transaction(async (tx) => {
        await tx.query('create temp table one (id int)');
        await tx.kysely
          .deleteFrom('users')
          .where('user_id', '=', '0197f9b0-0000-7000-8000-000000000000')
          .execute()
          .catch(() => []);
      })
      .catch(() => undefined);
    await expect(watched.query('select 1 / 0')).rejects.toMatchObject({ sqlState: '22012' });
    expect(seen).toEqual([
      'statement by-name',
      'transaction transaction',
      'statement create',
      'statement delete',
      'statement select',
    ]);
    expect(watched.poolState).toBe(db.poolState);
  } finally {
    await watched.close();
  }
});
