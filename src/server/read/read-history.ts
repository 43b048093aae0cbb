/** What happened to one memory, newest first. Ops that were rejected changed nothing and are in the audit alone. */
import type { MemoryId, UserId } from '../../core/ids.ts';
import type { Queryable, Statement } from '../infra/database.ts';
import { readChain } from '../log/read-events.ts';
import { readDeviceNames } from './device-names.ts';
import { type EventView, recordToView } from './event-view.ts';

export interface HistoryPage {
  readonly events: readonly EventView[];
  /** The seq at which the next page begins. */
  readonly next: number | null;
}

export interface HistoryRequest {
  readonly userId: UserId;
  readonly memoryId: MemoryId;
  /** The seq to begin at; the newest when absent. It has to be one of this memory. */
  readonly from: number | null;
  readonly limit: number;
}

const newestStatement: Statement = {
  name: 'history-newest',
  text: 'select seq from memories where user_id = $1::uuid and id = $2::uuid',
};

/** Null when the user has no such memory. */
export async function readHistory(db: Queryable, { userId, memoryId, from, limit }: HistoryRequest): Promise<HistoryPage | null> {
  const [newest] = await db.query<{ seq: number }>(newestStatement, [userId, memoryId]);
  if (newest === undefined) return null;
  const records = await readChain(db, userId, from ?? newest.seq, limit);
  // A cursor of another memory leads nowhere.
  const own = records.filter((record) => record.memory_id === memoryId);
  const devices = await readDeviceNames(db, userId);
  return { events: own.map((record) => recordToView(record, devices)), next: own.at(-1)?.prev_seq || null };
}
