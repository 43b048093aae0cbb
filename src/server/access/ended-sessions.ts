/** Tells this process which sessions have ended, so that their sockets close at once. Other nodes ask for the sessions of their sockets (find-ended.ts). */
import type { DeviceId, SessionId, UserId } from '../../core/ids.ts';

/** One session, or one device in whatever session, or with neither everything of the user. */
export interface EndedSession {
  readonly userId: UserId;
  readonly sessionId?: SessionId;
  readonly deviceId?: DeviceId;
}

export interface EndedSessions {
  /** @returns the way to stop listening. */
  listen(heard: (ended: EndedSession) => void): () => void;
}

export interface EndedSessionsSource extends EndedSessions {
  tell(ended: EndedSession): void;
}

export function createEndedSessions(): EndedSessionsSource {
  const listeners = new Set<(ended: EndedSession) => void>();
  return {
    listen(heard) {
      const listener = (ended: EndedSession): void => heard(ended);
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell(ended) {
      for (const listener of [...listeners]) listener(ended);
    },
  };
}
