/** A memory as it was at a seq or a time. */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { MemoryState } from '../../core/merge.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { readHead } from '../log/head.ts';
import { type EventRecord, readWholeChain, recordToEvent } from '../log/read-events.ts';
import { foldEvents } from './fold-events.ts';

/** A place in the log: after the event `seq`, or after everything accepted until `ms`, Unix time. */
export type Moment = { readonly seq: number } | { readonly ms: number };

export type NoSuchState = 'unknown_memory' | 'erased_memory' | 'unknown_seq';

const newestStatement: Statement = {
  name: 'newest-of-memory',
  text: 'select seq, erased from memories where user_id = $1::uuid and id = $2::uuid',
};

export async function readStateAt(
  db: Queryable,
  userId: UserId,
  id: MemoryId,
  moment: Moment,
): Promise<Result<MemoryState, NoSuchState>> {
  const [newest] = await db.query<{ seq: number; erased: boolean }>(newestStatement, [userId, id]);
  if (newest === undefined) return err('unknown_memory');
  if (newest.erased) return err('erased_memory');
  const head = await readHead(db, userId);
  if (head === null || ('seq' in moment && moment.seq > head.seq)) return err('unknown_seq');
  const until = (record: EventRecord): boolean => ('seq' in moment ? record.seq <= moment.seq : record.at_ms <= moment.ms);
  const records: EventRecord[] = [];
  for await (const page of readWholeChain(db, userId, newest.seq)) records.push(...page.filter(until));
  const state = foldEvents(records.reverse().map((record) => recordToEvent(record, head.deviceByOrdinal)));
  if (state === null) return err('unknown_seq');
  // Erased since the row was read: the events have come back blank.
  return state.cells.size === 0 || state.erased ? err('erased_memory') : ok(state);
}
