import type { UserId } from '../../core/ids.ts';
import type { Queryable } from '../infra/database.ts';
import { type LogVerdict, verifyLog } from '../log/verify.ts';

/** What a verification of the user's log finds now; null for a user that does not exist. */
export function readVerdict(db: Queryable, userId: UserId): Promise<LogVerdict | null> {
  return verifyLog(db, userId);
}
