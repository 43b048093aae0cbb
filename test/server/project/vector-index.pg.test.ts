/** The index of a user with very many vectors, here of twenty. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { UserId } from '../../../src/core/ids.ts';
import { createVectorIndexes, vectorIndexName } from '../../../src/server/project/vector-index.ts';
import { nearestMemories } from '../../../src/server/read/nearest.ts';
import { createDatabaseUser } from '../../support/append.ts';
import { type TestDatabase, testDatabase } from '../../support/databases.ts';
import { openDirect } from '../../support/open-postgres.ts';

let place: TestDatabase;

beforeAll(async () => {
  place = await testDatabase('postgresql');
});
afterAll(() => place[Symbol.asyncDispose]());

/** Memory n of 40 lies at the angle n. */
async function fill(): Promise<UserId> {
  const { userId } = await createDatabaseUser(place.db);
  await place.db.query(`insert into vector_heads (user_id, model, complete, vectors) values ($1::uuid, 'm', true, 40)`, [userId]);
  await place.db.query(
    `insert into memories (user_id, id, seq, deleted, erased, open_conflicts, created_ms, updated_ms, type, scope, content, tags, stamps)
      select $1::uuid, gen_random_uuid(), n, false, false, 0, n, n, case when n > 38 then 'task' else 'fact' end, 'site', 'x', '{}', ''
        from generate_series(1, 40) n`,
    [userId],
  );
  await place.db.query(
    `insert into memory_vectors select m.user_id, 'm', m.id, '', n.h::halfvec(1536), binary_quantize(n.h::halfvec(1536))::bit(1536)
      from memories m, lateral (select (array[cos(m.seq / 50.0), sin(m.seq / 50.0)] || array_fill(0::float8, array[1534]))::vector(1536) as h) n
      where m.user_id = $1::uuid`,
    [userId],
  );
  return userId;
}

const indexes = () =>
  createVectorIndexes(
    {
      db: place.db,
      openMaintenance: () => openDirect(place, { poolSize: 1, statementTimeoutMs: 0 }),
      onError: (error) => {
        throw error;
      },
    },
    20,
  );

async function indexNames(): Promise<readonly string[]> {
  const rows = await place.db.query<{ name: string }>(
    `select indexname::text as name from pg_indexes where indexname like 'memory\\_vectors\\_hnsw%' order by 1`,
  );
  return rows.map(({ name }) => name);
}

async function scansOf(name: string): Promise<number> {
  await place.db.query('select pg_stat_force_next_flush()');
  const [row] = await place.db.query<{ n: number }>(
    'select idx_scan as n from pg_stat_user_indexes where indexrelname = $1::text',
    [name],
  );
  return row?.n ?? 0;
}

it('[house] a large user gets an index, searches use it, and filters find also what few of the nearest pass', async () => {
  const userId = await fill();
  const vector = new Float32Array(1536);
  vector[0] = 1;
  const search = (filter: object) => nearestMemories(place.db, { userId, model: 'm', vector, filter, limit: 2 });
  const before = [await search({}), await search({ type: ['task'] })];
  const built = indexes();
  built.soon(userId);
  await built.idle();
  expect(await indexNames()).toEqual([vectorIndexName(userId, 'm')]);
  expect([await search({}), await search({ type: ['task'] })]).toEqual(before);
  expect(before.map((found) => found.length)).toEqual([2, 2]);
  await expect.poll(() => scansOf(vectorIndexName(userId, 'm'))).toBeGreaterThan(0);
});

it('[house] a user that shrinks or goes loses the index', async () => {
  const [shrinking, going] = [await fill(), await fill()];
  const built = indexes();
  for (const userId of [shrinking, going]) built.soon(userId);
  await built.idle();
  expect(await indexNames()).toEqual(expect.arrayContaining([vectorIndexName(shrinking, 'm'), vectorIndexName(going, 'm')]));
  await place.db.query('update vector_heads set vectors = 9 where user_id = $1::uuid', [shrinking]);
  await place.db.query('delete from users where user_id = $1::uuid', [going]);
  built.soon(shrinking);
  await built.sweep();
  const left = await indexNames();
  for (const userId of [shrinking, going]) expect(left).not.toContain(vectorIndexName(userId, 'm'));
});
