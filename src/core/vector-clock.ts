/**
 * Vector clocks (Fidge 1988, Mattern 1989): for each device the last counter that was seen. Devices are named by their
 * ordinal within the user, so a clock of three devices takes a few bytes (LOG-5).
 */
export type VectorClock = ReadonlyMap<number, number>;

export const emptyClock: VectorClock = new Map();

/** The identity of an op: the n-th write of one device. */
export interface Dot {
  readonly device: number;
  readonly counter: number;
}

export function hasSeen(clock: VectorClock, dot: Dot): boolean {
  return (clock.get(dot.device) ?? 0) >= dot.counter;
}

/** The clock that has seen the dot too, and with it all earlier ones of that device. */
export function withDot(clock: VectorClock, dot: Dot): VectorClock {
  return hasSeen(clock, dot) ? clock : new Map(clock).set(dot.device, dot.counter);
}

/** The least clock that has seen what either has seen. */
export function joinClocks(a: VectorClock, b: VectorClock): VectorClock {
  const joined = new Map(a);
  for (const [device, counter] of b) joined.set(device, Math.max(counter, joined.get(device) ?? 0));
  return joined;
}

export type ClockOrder = 'equal' | 'before' | 'after' | 'concurrent';

export function compareClocks(a: VectorClock, b: VectorClock): ClockOrder {
  const aSeesB = isAtLeast(a, b);
  const bSeesA = isAtLeast(b, a);
  if (aSeesB) return bSeesA ? 'equal' : 'after';
  return bSeesA ? 'before' : 'concurrent';
}

function isAtLeast(a: VectorClock, b: VectorClock): boolean {
  for (const [device, counter] of b) if ((a.get(device) ?? 0) < counter) return false;
  return true;
}
