/**
 * Who is listening to whose log, in this process. What was committed here is handed on with its bytes, once for all sockets
 * of the user (SYN-11); of what was committed elsewhere other nodes give hints, and a poll re-reads the heads of listened-to users
 * (SYN-10), so that a lost hint costs at most one interval and never an event (SYN-7).
 */
import type { DeviceId, UserId } from '../../core/ids.ts';
import type { StateHash } from '../../core/state-hash.ts';
import type { StoredDelta } from '../../protocol/binary-codec.ts';

/** A piece of one user's log that was just committed. */
export interface Committed extends StoredDelta {
  readonly userId: UserId;
  readonly to: number;
  /** Of the state after `to`. */
  readonly stateHash: StateHash;
  /** For each device that wrote, its last counter in this piece. */
  readonly lastCounterByDevice: ReadonlyMap<number, number>;
  readonly deviceByOrdinal: ReadonlyMap<number, DeviceId>;
}

export interface Listener {
  committed(piece: Committed): void;
  /** The log reaches at least this far. */
  hint(head: number): void;
}

export interface Hub {
  /** @returns the way to stop listening. */
  listen(userId: UserId, listener: Listener): () => void;
  /** Told of every commit of this process. @returns the way to stop. */
  onCommit(tell: (userId: UserId, head: number) => void): () => void;
  publish(piece: Committed): void;
  listenedUsers(): UserId[];
  hint(userId: UserId, head: number): void;
}

export function createHub(): Hub {
  const listenersByUser = new Map<UserId, Set<Listener>>();
  const watchers = new Set<(userId: UserId, head: number) => void>();
  const each = (userId: UserId, tell: (listener: Listener) => void): void => {
    for (const listener of [...(listenersByUser.get(userId) ?? [])]) tell(listener);
  };
  return {
    listen(userId, listener) {
      const listeners = listenersByUser.get(userId) ?? new Set();
      listenersByUser.set(userId, listeners.add(listener));
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0 && listenersByUser.get(userId) === listeners) listenersByUser.delete(userId);
      };
    },
    onCommit(tell) {
      watchers.add(tell);
      return () => void watchers.delete(tell);
    },
    publish(piece) {
      each(piece.userId, (listener) => listener.committed(piece));
      for (const tell of [...watchers]) tell(piece.userId, piece.to);
    },
    listenedUsers: () => [...listenersByUser.keys()],
    hint: (userId, head) => each(userId, (listener) => listener.hint(head)),
  };
}
