/**
 * The semantic arm of search, on the database: users of 1,000, 10,000 and 100,000 memories among fifty small ones; recall@10 against
 * the exact answer, and p95 beside a bare pgvector statement of the same plan (PostgreSQL) and beside the exact scan.
 */
import { join } from 'node:path';
import type { UserId } from '../../src/core/ids.ts';
import type { Database } from '../../src/server/infra/database.ts';
import { migrate } from '../../src/server/infra/migrate.ts';
import { openPostgres } from '../../src/server/infra/postgres.ts';
import { createVectorIndexes, indexFrom } from '../../src/server/project/vector-index.ts';
import { nearestMemories } from '../../src/server/read/nearest.ts';
import { type BarePlan, searchBare } from '../bare-search.ts';
import type { BenchContext, Benchmark } from '../benchmark.ts';
import { openPlace } from '../place.ts';
import type { Figure, Target } from '../report.ts';
import { quantile, summarize } from '../statistics.ts';
import { benchModel, copyUser } from '../vector-copy.ts';
import { createVectorGenerator, type VectorGenerator } from '../vector-generator.ts';

/** The embedded database makes no index: it is for users of up to about ten thousand. */
const fullSizes = { pglite: [1_000, 10_000], postgresql: [1_000, 10_000, 100_000] } as const;
const limit = 10;
const otherUsers = 50;
/** Of each round. */
const fullQueries = 20;
/** Before the clock starts. */
const warmUp = 5;
/** From here on an exact scan is what the plan is there to avoid. */
const largeFrom = 100_000;

export const search: Benchmark = {
  name: 'search',
  async run(context) {
    const { engine, cleanup } = context;
    const storage = await context.newStorage();
    const { place } = storage;
    const db = await openPlace(place);
    const closings = [cleanup.defer(() => db.close())];
    await migrate(db, join(import.meta.dirname, '../../../migrations'));
    const users = await fillUsers(
      db,
      fullSizes[engine].map((size) => context.sized(size)),
    );
    let bare: Database | null = null;
    if (place.engine === 'postgresql') {
      const opened = await openPostgres({ url: place.databaseUrl, poolSize: 1, statementTimeoutMs: 0 });
      closings.push(cleanup.defer(() => opened.close()));
      await buildIndexes(db, place.databaseUrl, [...users.values()]);
      bare = opened;
    }
    const figures: Figure[] = [];
    for (const [size, userId] of users)
      for (const isFiltered of [false, true])
        figures.push(...(await measure(context, { db, bare }, { size, userId, isFiltered })));
    for (const close of closings.reverse()) await close();
    await storage.drop();
    return figures;
  },
};

async function fillUsers(db: Database, sizes: readonly number[]): Promise<ReadonlyMap<number, UserId>> {
  const others = createVectorGenerator(99, 50);
  for (let n = 0; n < otherUsers; n++) await copyUser(db, 100, others);
  const users = new Map<number, UserId>();
  for (const size of sizes) users.set(size, await copyUser(db, size, generatorOf(size)));
  for (const table of ['memory_vectors', 'memories', 'vector_heads']) await db.script(`vacuum analyze ${table}`);
  return users;
}

const generatorOf = (size: number): VectorGenerator => createVectorGenerator(size, Math.ceil(size / 50));

async function buildIndexes(db: Database, url: string, userIds: readonly UserId[]): Promise<void> {
  const indexes = createVectorIndexes({
    db,
    openMaintenance: () => openPostgres({ url, poolSize: 1, statementTimeoutMs: 0 }),
    onError: (error) => console.error(error),
  });
  for (const userId of userIds) indexes.soon(userId);
  await indexes.idle();
}

interface Databases {
  readonly db: Database;
  readonly bare: Database | null;
}

interface Case {
  readonly size: number;
  readonly userId: UserId;
  readonly isFiltered: boolean;
}

interface Round {
  readonly recall: number;
  readonly p50: number;
  readonly p95: number;
  readonly bareP95: number | null;
  readonly exactP95: number;
}

async function measure(context: BenchContext, databases: Databases, asked: Case): Promise<Figure[]> {
  const queries = createQueries(asked.size);
  await ask(databases, asked, queries, warmUp);
  const rounds: Round[] = [];
  for (let round = 0; round < context.rounds; round++)
    rounds.push(await ask(databases, asked, queries, Math.max(5, context.sized(fullQueries))));
  return toFigures(context, asked, rounds);
}

/** Of the same clusters as the memories, but none of them. */
function createQueries(size: number): () => Float32Array {
  const generator = generatorOf(size);
  for (let n = 0; n < size; n++) if (n % 1_000 === 0) generator.next();
  return () => generator.next().map((number, i) => number + 0.01 * Math.sin(i));
}

async function ask({ db, bare }: Databases, asked: Case, next: () => Float32Array, queries: number): Promise<Round> {
  const { size, userId, isFiltered } = asked;
  const plan = planOf(size);
  const shape = { userId, isFiltered, limit, candidates: plan === 'index' ? 1_000 : size < 20_000 ? 200 : 400 };
  const filter = isFiltered ? { type: ['task'] as const } : {};
  await bare?.query(`set hnsw.ef_search = ${isFiltered ? 1_000 : 260}`);
  const [ours, byHand, exact]: [number[], number[], number[]] = [[], [], []];
  let found = 0;
  for (let query = 0; query < queries; query++) {
    const vector = next();
    const text = `[${vector.join(',')}]`;
    const truth = await timed(exact, () => searchBare(db, { ...shape, plan: 'exact' }, text));
    const ids = await timed(ours, () => nearestMemories(db, { userId, model: benchModel, vector, filter, limit }));
    if (bare !== null) await timed(byHand, () => searchBare(bare, { ...shape, plan }, text));
    found += ids.filter(({ id }) => truth.includes(id)).length / truth.length;
  }
  return {
    recall: found / queries,
    p50: quantile(ours, 0.5),
    p95: quantile(ours, 0.95),
    bareP95: byHand.length === 0 ? null : quantile(byHand, 0.95),
    exactP95: quantile(exact, 0.95),
  };
}

const planOf = (size: number): BarePlan => (size <= 5_000 ? 'exact' : size < indexFrom ? 'bits' : 'index');

async function timed<T>(tookMs: number[], work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  tookMs.push(performance.now() - startedAt);
  return result;
}

function toFigures({ engine }: BenchContext, { size, isFiltered }: Case, rounds: readonly Round[]): Figure[] {
  const of = (value: (round: Round) => number) => summarize(rounds.map(value));
  const title = `search ${size}${isFiltered ? ', filter 5 %' : ''}`;
  const recallTarget: Target | null = engine === 'postgresql' || size >= 10_000 ? { of: 'ours', atLeast: 0.98 } : null;
  const alone = { baselineName: '', baseline: null };
  const p95 = { name: `${title}, p95`, unit: 'ms', ours: of((round) => round.p95) };
  const bare = rounds.some(({ bareP95 }) => bareP95 === null) ? null : of(({ bareP95 }) => bareP95 ?? 0);
  return [
    { name: `${title}, recall@10`, unit: '', ours: of(({ recall }) => recall), ...alone, target: recallTarget },
    { name: `${title}, p50`, unit: 'ms', ours: of(({ p50 }) => p50), ...alone, target: null },
    ...(bare === null ? [] : [{ ...p95, baselineName: 'bare', baseline: bare, target: { of: 'ratio', atMost: 3 } as const }]),
    {
      ...p95,
      baselineName: 'exact',
      baseline: of(({ exactP95 }) => exactP95),
      target: size >= largeFrom ? { of: 'ratio', atMost: 0.1 } : null,
    },
  ];
}
