/**
 * A bounded number under way, of everybody and of each one, and a bounded number that waits for a turn. Turns go round: each one who
 * waits gets one before anybody gets a second. Who cannot get one in time is sent away at once, or when the time is over.
 */
import type { DrainRate } from './drain-rate.ts';

export interface FairQueueLimits {
  /** Under way at a time. */
  readonly running: number;
  /** Of one key. */
  readonly runningOfOne: number;
  readonly waiting: number;
  readonly waitingOfOne: number;
  /** How long one waits for a turn at most, ms. */
  readonly waitMs: number;
}

/** `full`: of everybody's. `own_full`: of this key's. `late`: its time was over. */
export type RefusalKind = 'full' | 'own_full' | 'late';

export interface Refusal {
  readonly kind: RefusalKind;
  readonly retryAfterSeconds: number;
}

export interface Waiter {
  /** Called once at most, also before `enter` returns. `leave` ends the turn; a second call does nothing. */
  readonly admitted: (leave: () => void) => void;
  readonly refused: (refusal: Refusal) => void;
}

export interface FairQueue {
  /** @returns the way out for who waits and will not wait longer; without effect otherwise. */
  enter(key: string, waiter: Waiter): () => void;
  readonly running: number;
  readonly waiting: number;
}

export interface FairQueueDeps {
  readonly rate: DrainRate;
  /** @returns the way to stop it. */
  readonly setTimer: (callback: () => void, ms: number) => () => void;
}

interface Place extends Waiter {
  readonly stopTimer: () => void;
}

interface Lane {
  readonly key: string;
  running: number;
  /** Oldest first. */
  readonly places: Set<Place>;
}

const noWayOut = (): void => undefined;

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    work();
  };
}

export function createFairQueue({ rate, setTimer }: FairQueueDeps, limits: FairQueueLimits): FairQueue {
  const lanes = new Map<string, Lane>();
  /** Those that wait and may have another turn, in the order of their turns. */
  const ring = new Set<Lane>();
  let running = 0;
  let waiting = 0;

  const settle = (lane: Lane): void => {
    if (lane.places.size > 0 && lane.running < limits.runningOfOne) ring.add(lane);
    else ring.delete(lane);
    if (lane.running === 0 && lane.places.size === 0) lanes.delete(lane.key);
  };
  const start = (lane: Lane, { admitted }: Waiter): void => {
    running++;
    lane.running++;
    settle(lane);
    const leave = (): void => {
      running--;
      lane.running--;
      rate.note(1);
      settle(lane);
      giveTurns();
    };
    admitted(once(leave));
  };
  const remove = (lane: Lane, place: Place): boolean => {
    if (!lane.places.delete(place)) return false;
    waiting--;
    place.stopTimer();
    return true;
  };
  const giveTurns = (): void => {
    for (const lane of ring) {
      if (running >= limits.running) return;
      const [place] = lane.places;
      // To the end of the ring, before its work begins: that may end, or ask for more, at once.
      ring.delete(lane);
      if (place !== undefined && remove(lane, place)) start(lane, place);
    }
  };
  const refuse = (waiter: Waiter, kind: RefusalKind, ahead: number): (() => void) => {
    waiter.refused({ kind, retryAfterSeconds: rate.secondsFor(ahead) });
    return noWayOut;
  };
  const wait = (lane: Lane, waiter: Waiter): (() => void) => {
    const leave = (): boolean => {
      const wasWaiting = remove(lane, place);
      if (wasWaiting) settle(lane);
      return wasWaiting;
    };
    const onLate = (): unknown => leave() && refuse(waiter, 'late', waiting);
    const place: Place = { ...waiter, stopTimer: setTimer(onLate, limits.waitMs) };
    lane.places.add(place);
    waiting++;
    settle(lane);
    return leave;
  };

  return {
    enter(key, waiter) {
      const lane = lanes.get(key) ?? { key, running: 0, places: new Set<Place>() };
      const isFree = running < limits.running && lane.running < limits.runningOfOne;
      // While turns are being given out nobody slips in before those who wait.
      const mayStart = isFree && lane.places.size === 0 && ring.size === 0;
      const own = lane.places.size;
      if (!mayStart && own >= limits.waitingOfOne) return refuse(waiter, 'own_full', own);
      if (!mayStart && waiting >= limits.waiting) return refuse(waiter, 'full', waiting);
      lanes.set(key, lane);
      if (!mayStart) return wait(lane, waiter);
      start(lane, waiter);
      return noWayOut;
    },
    get running() {
      return running;
    },
    get waiting() {
      return waiting;
    },
  };
}
