/** `npm run bench:search -- [--engine pglite|postgresql] [--sizes 1000,10000,100000] [--queries n]`: the semantic arm of search. */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { UserId } from '../src/core/ids.ts';
import type { Database } from '../src/server/infra/database.ts';
import { migrate } from '../src/server/infra/migrate.ts';
import { openPostgres } from '../src/server/infra/postgres.ts';
import { createVectorIndexes, indexFrom } from '../src/server/project/vector-index.ts';
import { nearestMemories } from '../src/server/read/nearest.ts';
import { type BarePlan, searchBare } from './bare-search.ts';
import { createCleanup } from './cleanup.ts';
import { type Engine, openPlace } from './place.ts';
import { quantile } from './statistics.ts';
import { createStorage } from './storage.ts';
import { benchModel, copyUser } from './vector-copy.ts';
import { createVectorGenerator } from './vector-generator.ts';

const root = join(import.meta.dirname, '../..');
const limit = 10;

const { values } = parseArgs({
  options: { engine: { type: 'string' }, sizes: { type: 'string' }, queries: { type: 'string', default: '50' } },
});
const adminUrl = process.env['TEST_DATABASE_URL'] ?? process.env['DATABASE_URL'];
const engines: readonly Engine[] = adminUrl === undefined ? ['pglite'] : ['pglite', 'postgresql'];
const cleanup = createCleanup();
process.once('SIGINT', async () => {
  await cleanup.runAll();
  process.exit(130);
});
try {
  for (const engine of engines.filter((each) => values.engine === undefined || each === values.engine)) await benchEngine(engine);
} finally {
  await cleanup.runAll();
}

async function benchEngine(engine: Engine): Promise<void> {
  const { place } = await createStorage(cleanup, { engine, adminUrl, dataRoot: join(root, 'data') });
  const db = await openPlace(place);
  const close = cleanup.defer(() => db.close());
  await migrate(db, join(root, 'migrations'));
  const sizes = (values.sizes ?? (engine === 'pglite' ? '1000,10000' : '1000,10000,100000')).split(',').map(Number);
  const others = createVectorGenerator(99, 50);
  for (let n = 0; n < 50; n++) await copyUser(db, 100, others);
  const users = new Map<number, UserId>();
  for (const size of sizes) users.set(size, await copyUser(db, size, createVectorGenerator(size, Math.ceil(size / 50))));
  for (const table of ['memory_vectors', 'memories', 'vector_heads']) await db.script(`vacuum analyze ${table}`);
  let bare: Database | null = null;
  if (place.engine === 'postgresql') {
    bare = await openPostgres({ url: place.databaseUrl, poolSize: 1, statementTimeoutMs: 0 });
    cleanup.defer(() => bare?.close() ?? Promise.resolve());
    await buildIndexes(db, place.databaseUrl, [...users.values()]);
  }
  for (const [size, userId] of users)
    for (const isFiltered of [false, true]) await measure(db, bare, { size, userId, isFiltered });
  await close();
}

async function buildIndexes(db: Database, url: string, userIds: readonly UserId[]): Promise<void> {
  const indexes = createVectorIndexes({
    db,
    openMaintenance: () => openPostgres({ url, poolSize: 1, statementTimeoutMs: 0 }),
    onError: (error) => console.error(error),
  });
  const startedAt = performance.now();
  for (const userId of userIds) indexes.soon(userId);
  await indexes.idle();
  console.log(`indexes built in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
}

interface Case {
  readonly size: number;
  readonly userId: UserId;
  readonly isFiltered: boolean;
}

async function measure(db: Database, bare: Database | null, { size, userId, isFiltered }: Case): Promise<void> {
  // Of the same clusters as the memories, but none of them.
  const generator = createVectorGenerator(size, Math.ceil(size / 50));
  for (let n = 0; n < size; n++) if (n % 1_000 === 0) generator.next();
  const queries = Array.from({ length: Number(values.queries) }, () =>
    generator.next().map((number, i) => number + 0.01 * Math.sin(i)),
  );
  const plan: BarePlan = size <= 5_000 ? 'exact' : size < indexFrom ? 'bits' : 'index';
  const shape = { userId, isFiltered, limit, candidates: plan === 'index' ? 1_000 : size < 20_000 ? 200 : 400 };
  const filter = isFiltered ? { type: ['task'] as const } : {};
  await bare?.query(`set hnsw.ef_search = ${isFiltered ? 1_000 : 260}`);
  const ours: number[] = [];
  const byHand: number[] = [];
  const exact: number[] = [];
  let found = 0;
  for (const [round, vector] of queries.entries()) {
    const text = `[${vector.join(',')}]`;
    const truth = await timed(exact, round, () => searchBare(db, { ...shape, plan: 'exact' }, text));
    const ids = await timed(ours, round, () => nearestMemories(db, { userId, model: benchModel, vector, filter, limit }));
    if (bare !== null) await timed(byHand, round, () => searchBare(bare, { ...shape, plan }, text));
    found += ids.filter(({ id }) => truth.includes(id)).length / truth.length;
  }
  console.log(toLine({ engine: db.engine, size, isFiltered, plan, recall: found / queries.length, ours, byHand, exact }));
}

/** The first five warm up. */
async function timed<T>(tookMs: number[], round: number, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  if (round >= 5) tookMs.push(performance.now() - startedAt);
  return result;
}

interface Measured extends Omit<Case, 'userId'> {
  readonly engine: Engine;
  readonly plan: BarePlan;
  readonly recall: number;
  readonly ours: readonly number[];
  readonly byHand: readonly number[];
  readonly exact: readonly number[];
}

function toLine({ engine, size, isFiltered, plan, recall, ours, byHand, exact }: Measured): string {
  const ms = (values: readonly number[]): string =>
    values.length === 0 ? '–' : `${quantile(values, 0.5).toFixed(1)}/${quantile(values, 0.95).toFixed(1)} ms`;
  const ratio = byHand.length === 0 ? '–' : (quantile(ours, 0.95) / quantile(byHand, 0.95)).toFixed(2);
  const ofExact = (quantile(ours, 0.95) / quantile(exact, 0.95)).toFixed(3);
  return [
    engine.padEnd(10),
    String(size).padStart(7),
    (isFiltered ? 'filter 5 %' : 'all').padEnd(10),
    plan.padEnd(6),
    `recall@10 ${recall.toFixed(3)}`,
    `ours p50/p95 ${ms(ours)}`,
    `bare ${ms(byHand)} ratio of p95 ${ratio}`,
    `exact ${ms(exact)} ratio of p95 ${ofExact}`,
  ].join('  ');
}
