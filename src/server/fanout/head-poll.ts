/** SYN-10: re-reads the heads of users that somebody listens to, so that what other processes commit arrives too. */

import type { UserId } from '../../core/ids.ts';
import type { Queryable } from '../infra/database.ts';
import type { Hub } from './hub.ts';

export interface HeadPollDeps {
  readonly db: Queryable;
  readonly hub: Hub;
  /** A poll that failed; the next one comes all the same. */
  readonly onError: (error: unknown) => void;
}

/** @returns the way to stop. */
export function startHeadPoll({ db, hub, onError }: HeadPollDeps, intervalMs: number): () => void {
  let stopped = false;
  let timer: NodeJS.Timeout;
  const poll = async (): Promise<void> => {
    try {
      const userIds = hub.listenedUsers();
      if (userIds.length > 0) for (const row of await readSeqs(db, userIds)) hub.hint(row.user_id, row.seq);
    } catch (error) {
      onError(error);
    }
    if (!stopped) timer = setTimeout(poll, intervalMs).unref();
  };
  timer = setTimeout(poll, intervalMs).unref();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

function readSeqs(db: Queryable, userIds: readonly UserId[]): Promise<readonly { user_id: UserId; seq: number }[]> {
  return db.query({ name: 'poll-heads', text: 'select user_id, seq from user_heads where user_id = any($1::uuid[])' }, [userIds]);
}
