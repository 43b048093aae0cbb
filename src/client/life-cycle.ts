/**
 * The life of a client's connection as a table of every state and every event (SYN-10): the compiler counts the cells, and
 * nothing happens that is not written here. What is done on the way into a state is in connection.ts.
 */

export type LifeCycleState =
  /** Closed for good. */
  | 'closed'
  /** Another tab of the same store speaks for this one. */
  | 'following'
  /** The browser says that there is no network; a long timer asks the network itself. */
  | 'offline'
  /** Between two attempts; a timer ends it. */
  | 'waiting'
  /** A transport opens, HELLO is said; a timer ends it. */
  | 'connecting'
  /** Welcomed, and something is still to come or to go; the watchdog ends it. */
  | 'syncing'
  /** Welcomed, nothing to come and nothing to go as far as anybody knows; pings prove that it lives. */
  | 'live'
  /** Nothing is tried until the app or the person acts, or a long timer ends. */
  | 'parked';

export type LifeCycleEvent =
  | 'lead'
  | 'follow'
  | 'online'
  | 'offline'
  /** The timer of `waiting`, `parked` or `offline`. */
  | 'due'
  | 'welcomed'
  | 'caughtUp'
  /** Something is to come or to go again. */
  | 'behind'
  /** The transport ended or failed, did not answer in time, or made no progress. */
  | 'lost'
  /** Trying again would end the same: revoked, parked by resets, no such protocol, storage gone. */
  | 'park'
  /** `syncNow` of the app. */
  | 'nudge'
  | 'close';

type Table = Readonly<Record<LifeCycleState, Readonly<Record<LifeCycleEvent, LifeCycleState>>>>;

/** A cell that holds its own row's name: the event changes nothing there. */
export const lifeCycle: Table = {
  closed: {
    lead: 'closed',
    follow: 'closed',
    online: 'closed',
    offline: 'closed',
    due: 'closed',
    welcomed: 'closed',
    caughtUp: 'closed',
    behind: 'closed',
    lost: 'closed',
    park: 'closed',
    nudge: 'closed',
    close: 'closed',
  },
  following: {
    lead: 'connecting',
    follow: 'following',
    online: 'following',
    offline: 'following',
    due: 'following',
    welcomed: 'following',
    caughtUp: 'following',
    behind: 'following',
    lost: 'following',
    park: 'following',
    nudge: 'following',
    close: 'closed',
  },
  offline: {
    lead: 'offline',
    follow: 'following',
    online: 'connecting',
    offline: 'offline',
    // SYN-10: the word that there is a network again may never come.
    due: 'connecting',
    welcomed: 'offline',
    caughtUp: 'offline',
    behind: 'offline',
    lost: 'offline',
    park: 'parked',
    // The browser may be wrong about the network; one attempt tells.
    nudge: 'connecting',
    close: 'closed',
  },
  waiting: {
    lead: 'waiting',
    follow: 'following',
    online: 'connecting',
    offline: 'offline',
    due: 'connecting',
    welcomed: 'waiting',
    caughtUp: 'waiting',
    behind: 'waiting',
    lost: 'waiting',
    park: 'parked',
    nudge: 'connecting',
    close: 'closed',
  },
  connecting: {
    lead: 'connecting',
    follow: 'following',
    online: 'connecting',
    offline: 'offline',
    due: 'connecting',
    welcomed: 'syncing',
    caughtUp: 'connecting',
    behind: 'connecting',
    lost: 'waiting',
    park: 'parked',
    nudge: 'connecting',
    close: 'closed',
  },
  syncing: {
    lead: 'syncing',
    follow: 'following',
    online: 'syncing',
    offline: 'offline',
    due: 'syncing',
    welcomed: 'syncing',
    caughtUp: 'live',
    behind: 'syncing',
    lost: 'waiting',
    park: 'parked',
    nudge: 'syncing',
    close: 'closed',
  },
  live: {
    lead: 'live',
    follow: 'following',
    online: 'live',
    offline: 'offline',
    due: 'live',
    welcomed: 'live',
    caughtUp: 'live',
    behind: 'syncing',
    lost: 'waiting',
    park: 'parked',
    nudge: 'live',
    close: 'closed',
  },
  parked: {
    lead: 'parked',
    follow: 'following',
    // A network that comes back mends none of the reasons to park.
    online: 'parked',
    offline: 'parked',
    due: 'connecting',
    welcomed: 'parked',
    caughtUp: 'parked',
    behind: 'parked',
    lost: 'parked',
    park: 'parked',
    nudge: 'connecting',
    close: 'closed',
  },
};

export function nextState(state: LifeCycleState, event: LifeCycleEvent): LifeCycleState {
  return lifeCycle[state][event];
}
