/**
 * The words of the memories, for the keyword search: follows the log at its own pace and notes in `recall_heads` how far it has
 * come. A search reads what lies behind that itself, so nothing waits for it.
 */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Source } from '../../core/memory.ts';
import type { Database, Queryable, Statement, Transaction } from '../infra/database.ts';
import { tellingTermsOf } from '../text/words.ts';

/** Events in one step, which is one transaction; in the embedded database everybody waits for it. */
const stepEvents = 200;
/** Positions that a tsvector can hold of one term; more of it says nothing more. */
const maxPositions = 255;
/** A btree entry has a limit of 2,700 bytes, and this is a part of one: longer names of conversations share what they begin with. */
const maxConversation = 256;

/** Takes one step. Several processes may do so at once: one waits for the other's row. @returns whether the words have caught up. */
export function stepTexts(db: Database, userId: UserId): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [head] = await tx.query<{ text_seq: number; seq: number }>(lockHead, [userId]);
    if (head === undefined) {
      // Nothing is made for a user who is gone.
      const [made] = await tx.query<{ user_id: string }>(makeHead, [userId]);
      return made === undefined;
    }
    const to = Math.min(head.seq, head.text_seq + stepEvents);
    if (to > head.text_seq) {
      const changed = await tx.query<ChangedRow>(readChanged, [userId, head.text_seq, to]);
      await replaceTexts(tx, userId, changed);
      await tx.query(moveHead, [userId, to]);
    }
    return to === head.seq;
  });
}

/** LOG-3: no word of an erased memory stays, nor that the user ever used it. */
export async function forgetTexts(tx: Queryable, userId: UserId, ids: readonly MemoryId[]): Promise<void> {
  await tx.query(lockHead, [userId]);
  await removeTexts(tx, userId, ids);
}

/** A memory's words as they are kept. */
export interface TextEntry {
  readonly length: number;
  readonly conversation: string | null;
  /** Unix ms. */
  readonly atMs: number;
  readonly countByTerm: ReadonlyMap<string, number>;
}

export function textEntryOf(memory: {
  readonly content: string;
  readonly source: Source | null;
  readonly createdAt: number;
}): TextEntry {
  const terms = tellingTermsOf(memory.content);
  const countByTerm = new Map<string, number>();
  for (const term of terms) countByTerm.set(term, (countByTerm.get(term) ?? 0) + 1);
  const { conversationId, timestamp } = memory.source ?? {};
  return {
    length: terms.length,
    conversation: conversationId?.slice(0, maxConversation) ?? null,
    atMs: (timestamp === undefined ? Number.NaN : Date.parse(timestamp)) || memory.createdAt,
    countByTerm,
  };
}

interface ChangedRow {
  readonly id: MemoryId;
  /** Null where it is not live: nothing of it is to be found. */
  readonly content: string | null;
  readonly source: Source | null;
  readonly created_ms: number | null;
}

async function replaceTexts(tx: Transaction, userId: UserId, changed: readonly ChangedRow[]): Promise<void> {
  if (changed.length === 0) return;
  await removeTexts(
    tx,
    userId,
    changed.map(({ id }) => id),
  );
  const live = changed.flatMap(({ id, content, source, created_ms: createdAt }) =>
    content === null || createdAt === null ? [] : [{ id, entry: textEntryOf({ content, source, createdAt }) }],
  );
  if (live.length === 0) return;
  const memoriesByTerm = new Map<string, number>();
  for (const { entry } of live)
    for (const term of entry.countByTerm.keys()) memoriesByTerm.set(term, (memoriesByTerm.get(term) ?? 0) + 1);
  await tx.query(insertTexts, [
    userId,
    live.map(({ id }) => id),
    live.map(({ entry }) => entry.length),
    live.map(({ entry }) => entry.conversation),
    live.map(({ entry }) => entry.atMs),
    live.map(({ entry }) => toVectorText(entry.countByTerm)),
  ]);
  // In one order everywhere: two that write the same words do not wait for each other in a circle.
  const terms = [...memoriesByTerm.keys()].sort();
  await tx.query(countTerms, [userId, terms, terms.map((term) => memoriesByTerm.get(term) ?? 0)]);
  const length = live.reduce((sum, { entry }) => sum + entry.length, 0);
  await tx.query(addToHead, [userId, live.length, length]);
}

async function removeTexts(tx: Queryable, userId: UserId, ids: readonly MemoryId[]): Promise<void> {
  const [removed] = await tx.query<RemovedTexts>(deleteTexts, [userId, ids]);
  if (removed === undefined || removed.count === 0) return;
  if (removed.unused !== null) await tx.query(deleteTerms, [userId, removed.unused]);
  await tx.query(addToHead, [userId, -removed.count, -(removed.length ?? 0)]);
}

interface RemovedTexts {
  readonly count: number;
  readonly length: number | null;
  /** Terms that no memory has any more. */
  readonly unused: readonly string[] | null;
}

/** A term as the text of a tsvector or a tsquery has it. */
export const quotedTerm = (term: string): string => `'${term.replace(/['\\]/g, '$&$&')}'`;

/** A tsvector by its text: each term with as many positions as it is there. */
function toVectorText(countByTerm: ReadonlyMap<string, number>): string {
  const parts: string[] = [];
  for (const [term, count] of countByTerm) {
    const positions = Array.from({ length: Math.min(count, maxPositions) }, (_, index) => index + 1);
    parts.push(`${quotedTerm(term)}:${positions.join(',')}`);
  }
  return parts.join(' ');
}

const lockHead: Statement = {
  name: 'lock-recall-head',
  text: `select r.text_seq, h.seq from recall_heads r join user_heads h on h.user_id = r.user_id
    where r.user_id = $1::uuid for update of r`,
};

/** Who deletes the user took that row first: it is waited for, and then there is none; otherwise words could come behind its back. */
const makeHead: Statement = {
  name: 'make-recall-head',
  text: `insert into recall_heads (user_id) select user_id from user_heads where user_id = $1::uuid for key share
    on conflict do nothing returning user_id`,
};

const moveHead: Statement = {
  name: 'move-recall-head',
  text: 'update recall_heads set text_seq = $2::bigint where user_id = $1::uuid',
};

const addToHead: Statement = {
  name: 'add-to-recall-head',
  text: `update recall_heads set text_count = text_count + $2::bigint, text_length = text_length + $3::bigint
    where user_id = $1::uuid`,
};

const readChanged: Statement = {
  name: 'read-changed-texts',
  text: `select e.memory_id as id, m.content, m.source, m.created_ms
    from (select distinct memory_id from events where user_id = $1::uuid and seq > $2::bigint and seq <= $3::bigint) e
    left join memories m on m.user_id = $1::uuid and m.id = e.memory_id and not m.deleted and not m.erased`,
};

const insertTexts: Statement = {
  name: 'insert-texts',
  text: `insert into memory_texts (user_id, memory_id, length, conversation, at_ms, terms)
    select $1::uuid, t.memory_id, t.length, t.conversation, t.at_ms, t.terms::tsvector
    from unnest($2::uuid[], $3::int[], $4::text[], $5::bigint[], $6::text[]) as t(memory_id, length, conversation, at_ms, terms)`,
};

const countTerms: Statement = {
  name: 'count-terms',
  text: `insert into text_terms as t (user_id, term, memories)
    select $1::uuid, n.term, n.memories from unnest($2::text[], $3::int[]) as n(term, memories) order by n.term
    on conflict (user_id, term) do update set memories = t.memories + excluded.memories`,
};

/** The terms of what goes are counted down in the same statement. */
const deleteTexts: Statement = {
  name: 'delete-texts',
  text: `with gone as (
      delete from memory_texts where user_id = $1::uuid and memory_id = any($2::uuid[]) returning length, terms
    ), less as (
      select lexeme, count(*)::int as memories from gone, unnest(gone.terms) group by lexeme
    ), counted as (
      update text_terms t set memories = t.memories - l.memories from less l where t.user_id = $1::uuid and t.term = l.lexeme
      returning t.term, t.memories
    )
    select count(*)::int as count, sum(length)::int as length,
      (select array_agg(term) from counted where memories <= 0) as unused from gone`,
};

const deleteTerms: Statement = {
  name: 'delete-terms',
  text: 'delete from text_terms where user_id = $1::uuid and term = any($2::text[]) and memories <= 0',
};
