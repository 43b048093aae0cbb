/** Sessions end in the database, where every node asks. */
import type { SessionId, UserId } from '../../core/ids.ts';
import type { Queryable } from '../infra/database.ts';

export interface WhichSessions {
  readonly only?: SessionId;
  readonly except?: SessionId;
  /** Those that were begun on the device of this ordinal. */
  readonly device?: number;
}

/** @returns those that had not ended before. */
export async function endSessions(tx: Queryable, userId: UserId, at: Date, which: WhichSessions): Promise<readonly SessionId[]> {
  let update = tx.kysely
    .updateTable('sessions')
    .set({ ended_at: at })
    .where('user_id', '=', userId)
    .where('ended_at', 'is', null);
  if (which.only !== undefined) update = update.where('id', '=', which.only);
  if (which.except !== undefined) update = update.where('id', '<>', which.except);
  if (which.device !== undefined) update = update.where('device', '=', which.device);
  const rows = await update.returning('id').execute();
  return rows.map((row) => row.id as SessionId);
}
