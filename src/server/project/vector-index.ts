/**
 * A user with very many vectors has an index over them alone (partial HNSW): one over everybody's finds little for the others
 * and costs every insert of theirs. Built in the background and concurrently; until it is valid, searches go by the bits.
 * PostgreSQL only.
 */
import type { UserId } from '../../core/ids.ts';
import { sha256 } from '../infra/bytes.ts';
import type { Database, Queryable, Statement } from '../infra/database.ts';

/** A user with so many vectors of one model gets an index; one that shrinks below half of it loses it. */
export const indexFrom = 30_000;

export interface VectorIndexDeps {
  readonly db: Queryable;
  /** One connection, whose statements may take as long as they need; closed after each use. */
  readonly openMaintenance: () => Promise<Database>;
  readonly onError: (error: unknown) => void;
}

export interface VectorIndexes {
  /** Looks some time soon whether the user's vectors need an index, or no more. Never throws. */
  soon(userId: UserId): void;
  /** Drops what is left of users that are gone. */
  sweep(): Promise<void>;
  idle(): Promise<void>;
}

/** A name of the user and the model: searches ask for it. */
export const vectorIndexName = (userId: UserId, model: string): string =>
  `memory_vectors_hnsw_${sha256(Buffer.from(`${userId} ${model}`))
    .toString('hex')
    .slice(0, 32)}`;

/** Models whose name can stand in a statement as it is; others are searched by the bits at any size. */
export const isIndexableModel = (model: string): boolean => /^[\w.:/@-]{1,128}$/.test(model);

export function createVectorIndexes(deps: VectorIndexDeps, from = indexFrom): VectorIndexes {
  let lane = Promise.resolve();
  const run = (work: () => Promise<void>): Promise<void> => {
    lane = lane.then(work).catch(deps.onError);
    return lane;
  };
  return {
    soon: (userId) => void run(() => ensureIndexes(deps, userId, from)),
    sweep: () => run(() => dropLeftOver(deps)),
    idle: () => lane,
  };
}

const sizesStatement: Statement = {
  name: 'vector-index-sizes',
  text: 'select h.model, h.vectors from vector_heads h where h.user_id = $1::uuid',
};

const indexStatement: Statement = {
  name: 'vector-index-state',
  text: 'select i.indisvalid as is_valid from pg_index i where i.indexrelid = to_regclass($1::text)',
};

async function ensureIndexes(deps: VectorIndexDeps, userId: UserId, from: number): Promise<void> {
  const heads = await deps.db.query<{ model: string; vectors: number }>(sizesStatement, [userId]);
  for (const { model, vectors } of heads.filter((head) => isIndexableModel(head.model))) {
    const name = vectorIndexName(userId, model);
    const [index] = await deps.db.query<{ is_valid: boolean }>(indexStatement, [name]);
    if (vectors >= from && index?.is_valid !== true) await inMaintenance(deps, (db) => build(db, userId, model));
    if (vectors < from / 2 && index !== undefined) {
      await inMaintenance(deps, (db) => db.script(`drop index concurrently if exists ${name}`));
    }
  }
}

// Any number will do, if it is always the same one.
const advisoryLock = 4_717_326;

/** One process at a time builds or drops; the others leave it to that one. */
async function inMaintenance(deps: VectorIndexDeps, work: (db: Database) => Promise<void>): Promise<void> {
  const db = await deps.openMaintenance();
  try {
    const [lock] = await db.query<{ taken: boolean }>('select pg_try_advisory_lock($1::bigint) as taken', [advisoryLock]);
    if (lock?.taken === true) await work(db);
  } finally {
    await db.close();
  }
}

/** An index that is there and not valid was left by a process that died: under the lock nobody builds it now. */
async function build(db: Database, userId: UserId, model: string): Promise<void> {
  const name = vectorIndexName(userId, model);
  const [index] = await db.query<{ is_valid: boolean }>(indexStatement, [name]);
  if (index?.is_valid === true) return;
  if (index !== undefined) await db.script(`drop index concurrently if exists ${name}`);
  // Of 100,000 vectors it takes about 400 MB; with less room the graph is built on disk, many times slower.
  await db.script(`set maintenance_work_mem = '512MB'`);
  // Both values were checked: an id is hexadecimal, and see isIndexableModel. A parameter cannot stand in DDL.
  await db.script(`create index concurrently ${name} on memory_vectors using hnsw (h halfvec_cosine_ops)
    where user_id = '${userId}' and model = '${model}'`);
}

/** The predicate tells whose index it was. */
const leftOverStatement: Statement = {
  everybody: 'an index may be left of a user who is gone',
  text: `select c.relname::text as name from pg_index i join pg_class c on c.oid = i.indexrelid
  where i.indrelid = 'memory_vectors'::regclass and c.relname like 'memory\\_vectors\\_hnsw\\_%'
    and not exists (select 1 from users u where position(u.user_id::text in pg_get_expr(i.indpred, i.indrelid)) > 0)`,
};

async function dropLeftOver(deps: VectorIndexDeps): Promise<void> {
  const left = await deps.db.query<{ name: string }>(leftOverStatement);
  if (left.length === 0) return;
  await inMaintenance(deps, async (db) => {
    for (const { name } of left) await db.script(`drop index concurrently if exists ${name}`);
  });
}
