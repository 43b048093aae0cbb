/** How far words and vectors lie behind the log, over all users: for whoever runs the server. */
import type { Queryable } from '../infra/database.ts';

export interface ProjectionLag {
  readonly users: number;
  readonly events: number;
  /** When the oldest event that is not taken in was written, Unix ms; null: there is none. */
  readonly oldestMs: number | null;
}

export interface RecallLagRow {
  readonly words: ProjectionLag;
  readonly vectors: ProjectionLag;
}

/** Users that are looked at: with more of them behind, the figures say "at least". */
const maxUsers = 10_000;

/**
 * The first event that is missing is found by its key. Every join is of one user's rows inside of the page, so that shards
 * answer it by themselves; what is joined to a page is fetched whole by Citus.
 */
const statement = {
  name: 'recall-lag',
  everybody: 'tells whoever runs the server how far words and vectors are behind',
  text: `with behind as materialized (
      select h.seq, coalesce(r.text_seq, 0) as text_seq, coalesce(v.seq, 0) as vector_seq,
        t.at_ms as word_ms, e.at_ms as vector_ms
      from user_heads h
        left join recall_heads r on r.user_id = h.user_id
        left join vector_heads v on v.user_id = h.user_id and v.model = $1::text
        left join events t on t.user_id = h.user_id and t.seq = coalesce(r.text_seq, 0) + 1
        left join events e on e.user_id = h.user_id and e.seq = coalesce(v.seq, 0) + 1
      where h.seq > 0 and (h.seq > coalesce(r.text_seq, 0) or h.seq > coalesce(v.seq, 0)) limit ${maxUsers}
    )
    select count(*) filter (where seq > text_seq)::int as word_users,
      coalesce(sum(seq - text_seq) filter (where seq > text_seq), 0)::bigint as word_events,
      min(word_ms) as word_oldest,
      count(*) filter (where seq > vector_seq)::int as vector_users,
      coalesce(sum(seq - vector_seq) filter (where seq > vector_seq), 0)::bigint as vector_events,
      min(vector_ms) as vector_oldest
    from behind`,
};

interface Row {
  word_users: number;
  word_events: number;
  word_oldest: number | null;
  vector_users: number;
  vector_events: number;
  vector_oldest: number | null;
}

/** @param model the one that makes the vectors of what is written now. */
export async function readRecallLag(db: Queryable, model: string): Promise<RecallLagRow> {
  const [row] = await db.query<Row>(statement, [model]);
  return {
    words: { users: row?.word_users ?? 0, events: row?.word_events ?? 0, oldestMs: row?.word_oldest ?? null },
    vectors: { users: row?.vector_users ?? 0, events: row?.vector_events ?? 0, oldestMs: row?.vector_oldest ?? null },
  };
}
