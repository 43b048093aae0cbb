/** SYN-9, SYN-10: sockets whose session or device was ended by another process close too, within an interval. */
import type { Access } from '../access/access.ts';
import type { SyncConnection } from './ws-connection.ts';

export interface EndedPollDeps {
  readonly connections: Iterable<SyncConnection>;
  readonly access: Pick<Access, 'findEnded'>;
  /** A poll that failed; the next one comes all the same. */
  readonly onError: (error: unknown) => void;
}

/** @returns the way to stop. */
export function startEndedPoll({ connections, access, onError }: EndedPollDeps, intervalMs: number): () => void {
  let stopped = false;
  let timer: NodeJS.Timeout;
  const poll = async (): Promise<void> => {
    try {
      const open = [...connections].flatMap((connection) => standingOf(connection) ?? []);
      const sessions = open.map(({ session }) => session);
      for (const { index, code } of open.length > 0 ? await access.findEnded(sessions) : []) open[index]?.connection.end(code);
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

/** Null before HELLO was answered. */
function standingOf(connection: SyncConnection) {
  const { principal, replica } = connection;
  if (principal === null || replica === null) return null;
  const { userId, sessionId } = principal;
  return { connection, session: { userId, sessionId, device: replica.ordinal } };
}
