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

export interface HeadPoll {
  /** Now rather than when its time has come: hints may have been lost. */
  soon(): void;
  stop(): void;
}

/** @param intervalMs asked for before each wait. */
export function startHeadPoll({ db, hub, onError }: HeadPollDeps, intervalMs: () => number): HeadPoll {
  let isStopped = false;
  let isPolling = false;
  let isWanted = false;
  let timer: NodeJS.Timeout | undefined;
  const wait = (ms: number): void => {
    clearTimeout(timer);
    if (!isStopped) timer = setTimeout(poll, ms).unref();
  };
  const poll = async (): Promise<void> => {
    isPolling = true;
    isWanted = false;
    try {
      const userIds = hub.listenedUsers();
      if (userIds.length > 0) for (const row of await readSeqs(db, userIds)) hub.hint(row.user_id, row.seq);
    } catch (error) {
      onError(error);
    }
    isPolling = false;
    wait(isWanted ? 0 : intervalMs());
  };
  wait(intervalMs());
  return {
    soon() {
      isWanted = true;
      if (!isPolling) wait(0);
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}

function readSeqs(db: Queryable, userIds: readonly UserId[]): Promise<readonly { user_id: UserId; seq: number }[]> {
  return db.query({ name: 'poll-heads', text: 'select user_id, seq from user_heads where user_id = any($1::uuid[])' }, [userIds]);
}
