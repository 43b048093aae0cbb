/** How quickly a queue is worked off, for the Retry-After of those who are sent away. */

export interface DrainRate {
  /** So much was worked off. */
  note(units: number): void;
  /** How long so much takes as things go: whole seconds from 1 to 60. */
  secondsFor(units: number): number;
}

/** The rate is that of the last second or two: older ones tell of another load. */
const windowMs = 1_000;
const maxSeconds = 60;

/** @param now ms, of any clock. */
export function createDrainRate(now: () => number): DrainRate {
  let perMs = 0;
  let beganAt = now();
  let units = 0;
  return {
    note(count) {
      units += count;
      const elapsed = now() - beganAt;
      if (elapsed < windowMs) return;
      // After a pause, or a clock that was set back, the window says nothing of a queue.
      const isOfQueue = elapsed < 4 * windowMs;
      if (isOfQueue) perMs = perMs === 0 ? units / elapsed : (perMs + units / elapsed) / 2;
      beganAt = now();
      units = 0;
    },
    secondsFor(count) {
      if (perMs === 0) return 1;
      return Math.min(maxSeconds, Math.max(1, Math.ceil(count / perMs / 1_000)));
    },
  };
}
