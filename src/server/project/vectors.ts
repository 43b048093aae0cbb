/**
 * The vectors of one model as a projection of the log, outside of any write (LOG-7). A step embeds a page of what changed and
 * notes how far it came, in one transaction; a process that dies in between leaves the step to be done again. The first pass of
 * a model goes through the memories as they stand, later ones through the events.
 */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Embedder } from '../embed/embedder.ts';
import type { Database, Queryable, Statement, Transaction } from '../infra/database.ts';
import { type ChangedContent, readChangedContents, readContents } from './changed-contents.ts';
import { embedPatiently } from './embed-patiently.ts';
import { removeFormerModels } from './former-models.ts';
import { countGone, lockVectorHeads, readVectorHeads, type VectorHead } from './vector-heads.ts';
import { type ContentVector, writeVectors } from './vector-rows.ts';

export interface VectorDeps {
  readonly db: Database;
  readonly embedder: Embedder;
  /** Unix ms. */
  readonly now: () => number;
  readonly signal?: AbortSignal;
  /** Texts for which there are vectors now, and those that the provider takes not even alone. */
  readonly onEmbedded?: (counts: { readonly texts: number; readonly refused: number }) => void;
}

export interface VectorOptions {
  /** How long a process may take for one step before another one takes over. Default 120,000. */
  readonly leaseMs?: number;
  /** Memories or events in one step. Default: the embedder's batch. */
  readonly pageSize?: number;
  /** How long a model must have been left alone before its vectors go, once those of the present one are complete. Default 600,000. */
  readonly formerModelMs?: number;
}

/** `idle`: everything is done. `leased`: another process is at it. */
export type VectorStep = 'more' | 'idle' | 'leased';

const leaseStatement: Statement = {
  name: 'lease-vectors',
  text: `insert into vector_heads as h (user_id, model, leased_until)
    select u.user_id, $2::text, $3::timestamptz from user_heads u where u.user_id = $1::uuid
    on conflict (user_id, model) do update set leased_until = excluded.leased_until
      where h.leased_until is null or h.leased_until <= $4::timestamptz
    returning h.model`,
};

/** @throws EmbeddingFailed when there are no vectors to be had now. */
export async function stepVectors(deps: VectorDeps, userId: UserId, options: VectorOptions = {}): Promise<VectorStep> {
  const { db, embedder, now } = deps;
  const { leaseMs = 120_000, formerModelMs = 600_000 } = options;
  if (await isCaughtUp(db, userId, embedder.model)) {
    return (await removeFormerModels(db, userId, embedder.model, now() - formerModelMs)) ? 'more' : 'idle';
  }
  const lease = new Date(now() + leaseMs);
  const leased = await db.query(leaseStatement, [userId, embedder.model, lease, new Date(now())]);
  if (leased.length === 0) return 'leased';
  try {
    return await workUnderLease(deps, userId, lease, options.pageSize ?? deps.embedder.batchSize);
  } finally {
    await release(db, userId, embedder.model, lease, now());
  }
}

const caughtUpStatement: Statement = {
  name: 'vectors-caught-up',
  text: `select coalesce(v.seq >= h.seq, h.seq = 0) as is_caught_up
    from user_heads h left join vector_heads v on v.user_id = h.user_id and v.model = $2::text where h.user_id = $1::uuid`,
};

/** Also when there is no such user any more. */
async function isCaughtUp(db: Queryable, userId: UserId, model: string): Promise<boolean> {
  const [row] = await db.query<{ is_caught_up: boolean }>(caughtUpStatement, [userId, model]);
  return row?.is_caught_up ?? true;
}

const beginPassStatement: Statement = {
  name: 'begin-vector-pass',
  text: `update vector_heads v set pass_head = h.seq, pass_after = null from user_heads h
    where h.user_id = $1::uuid and v.user_id = h.user_id and v.model = $2::text and v.leased_until = $3::timestamptz`,
};

async function workUnderLease(deps: VectorDeps, userId: UserId, lease: Date, pageSize: number): Promise<VectorStep> {
  const { db, embedder } = deps;
  let head = await findHead(db, userId, embedder.model);
  if (head?.seq === 0 && head.passHead === null) {
    await db.query(beginPassStatement, [userId, embedder.model, lease]);
    head = await findHead(db, userId, embedder.model);
  }
  if (head === null) return 'idle';
  const page = await readPage(db, userId, head, pageSize);
  const { vectors, refused } = await embedPatiently(deps, page.contents.filter(needsVector));
  await db.transaction((tx) => writeStep(tx, { userId, model: embedder.model, lease }, page, vectors));
  deps.onEmbedded?.({ texts: vectors.length, refused });
  return 'more';
}

async function findHead(db: Queryable, userId: UserId, model: string): Promise<VectorHead | null> {
  return (await readVectorHeads(db, userId)).find((head) => head.model === model) ?? null;
}

interface Page {
  readonly contents: readonly ChangedContent[];
  /** Where the head stands when the page is written. */
  readonly seq: number;
  readonly passHead: number | null;
  readonly passAfter: MemoryId | null;
}

async function readPage(db: Queryable, userId: UserId, head: VectorHead, limit: number): Promise<Page> {
  const { model, seq, passHead, passAfter } = head;
  if (passHead === null) {
    const { contents, to } = await readChangedContents(db, { userId, model, after: seq, limit });
    return { contents, seq: Math.max(seq, to), passHead: null, passAfter: null };
  }
  const contents = await readContents(db, { userId, model, after: passAfter, limit });
  const last = contents.at(-1);
  if (last === undefined || contents.length < limit) return { contents, seq: passHead, passHead: null, passAfter: null };
  return { contents, seq, passHead, passAfter: last.memoryId };
}

const needsVector = (content: ChangedContent): boolean => content.isLive && !content.hasVector;

const staleStatement: Statement = {
  name: 'drop-stale-vectors',
  text: `with gone as (
      delete from memory_vectors v using unnest($2::uuid[]) as n(id) left join memories m on m.user_id = $1::uuid and m.id = n.id
        where v.user_id = $1::uuid and v.model = any($3::text[]) and v.memory_id = n.id
          and (m.id is null or m.deleted or m.erased or v.content_hash <> sha256(convert_to(m.content, 'UTF8')))
        returning v.model
    )${countGone}`,
};

const moveStatement: Statement = {
  name: 'move-vector-head',
  text: `update vector_heads v set seq = $3::bigint, pass_head = $4::bigint, pass_after = $5::uuid,
      complete = v.complete or ($4::bigint is null and $3::bigint >= h.seq)
    from user_heads h where h.user_id = $1::uuid and v.user_id = h.user_id and v.model = $2::text`,
};

interface Leased {
  readonly userId: UserId;
  readonly model: string;
  readonly lease: Date;
}

/** Writes nothing when the lease was lost: whoever took over does the same page. */
async function writeStep(
  tx: Transaction,
  { userId, model, lease }: Leased,
  page: Page,
  vectors: readonly ContentVector[],
): Promise<void> {
  const heads = await lockVectorHeads(tx, userId);
  const head = heads.find((candidate) => candidate.model === model);
  if (head?.leasedUntil?.getTime() !== lease.getTime()) return;
  const ids = page.contents.map(({ memoryId }) => memoryId);
  if (ids.length > 0) await tx.query(staleStatement, [userId, ids, heads.map((each) => each.model)]);
  await writeVectors(tx, userId, model, vectors);
  await tx.query(moveStatement, [userId, model, page.seq, page.passHead, page.passAfter]);
}

const releaseStatement: Statement = {
  name: 'release-vectors',
  text: `update vector_heads set leased_until = $4::timestamptz
    where user_id = $1::uuid and model = $2::text and leased_until = $3::timestamptz`,
};

/** Not to null: that it was ours once is remembered. */
async function release(db: Queryable, userId: UserId, model: string, lease: Date, nowMs: number): Promise<void> {
  await db.query(releaseStatement, [userId, model, lease, new Date(nowMs)]);
}
