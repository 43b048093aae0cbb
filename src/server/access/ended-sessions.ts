/**
 * Tells this process which sessions have ended, so that their sockets close and their tokens are refused at once. Other nodes hear
 * of it by a hint (fanout/node-hints), and ask for the sessions of their sockets (find-ended.ts), since a hint can be lost.
 */
import type { DeviceId, SessionId, UserId } from '../../core/ids.ts';

/** One session, or one device in whatever session, or with neither everything of the user. */
export interface EndedSession {
  readonly userId: UserId;
  readonly sessionId?: SessionId;
  readonly deviceId?: DeviceId;
}

/** By this process, or by another that told of it. */
export type EndedWhere = 'here' | 'elsewhere';

export interface EndedSessions {
  /** @returns the way to stop listening. */
  listen(heard: (ended: EndedSession, where: EndedWhere) => void): () => void;
}

export interface EndedSessionsSource extends EndedSessions {
  /** @param where default: here. */
  tell(ended: EndedSession, where?: EndedWhere): void;
}

export function createEndedSessions(): EndedSessionsSource {
  const listeners = new Set<(ended: EndedSession, where: EndedWhere) => void>();
  return {
    listen(heard) {
      const listener = (ended: EndedSession, where: EndedWhere): void => heard(ended, where);
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell(ended, where = 'here') {
      for (const listener of [...listeners]) listener(ended, where);
    },
  };
}
