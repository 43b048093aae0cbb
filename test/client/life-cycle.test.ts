/** The table of the connection's life, as a graph. */
import { describe, expect, it } from 'vitest';
import { type LifeCycleEvent, type LifeCycleState, lifeCycle, nextState } from '../../src/client/life-cycle.ts';

const states = Object.keys(lifeCycle) as LifeCycleState[];
const events = Object.keys(lifeCycle.closed) as LifeCycleEvent[];

function reachableFrom(start: LifeCycleState, allowed: readonly LifeCycleEvent[]): Set<LifeCycleState> {
  const reached = new Set([start]);
  for (const state of reached) for (const event of allowed) reached.add(nextState(state, event));
  return reached;
}

describe('the life cycle', () => {
  it('[SYN-10] has a cell for every state and event', () => {
    for (const state of states) expect(Object.keys(lifeCycle[state]).sort()).toEqual([...events].sort());
    expect(states.length * events.length).toBe(96);
  });

  it('[SYN-10] from every state but closed a way leads to live', () => {
    for (const state of states.filter((name) => name !== 'closed')) expect(reachableFrom(state, events)).toContain('live');
  });

  it('[SYN-10] from every state of a leader without a connection a timer alone leads to live', () => {
    const byItself: LifeCycleEvent[] = ['due', 'welcomed', 'caughtUp'];
    for (const state of ['waiting', 'offline', 'connecting', 'parked'] as const)
      expect(reachableFrom(state, byItself)).toContain('live');
  });

  it('[SYN-10] a lost connection is always tried again', () => {
    for (const state of ['connecting', 'syncing', 'live'] as const) {
      expect(nextState(state, 'lost')).toBe('waiting');
      expect(nextState(nextState(state, 'lost'), 'due')).toBe('connecting');
    }
  });

  it('[SYN-10] closed is the end, and every state can get there', () => {
    for (const event of events) expect(nextState('closed', event)).toBe('closed');
    for (const state of states) expect(nextState(state, 'close')).toBe('closed');
  });

  it('[SYN-10] who does not lead has no connection, whatever happens', () => {
    for (const state of states) if (state !== 'closed') expect(nextState(state, 'follow')).toBe('following');
    for (const event of events.filter((name) => name !== 'lead' && name !== 'close'))
      expect(nextState('following', event)).toBe('following');
  });
});
