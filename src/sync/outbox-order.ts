/** Finding ops by their counters, which go up in an outbox but may have gaps: an op can leave before an older one (SYN-13). */
import type { OutboxOp } from './replica-change.ts';

/** Where the first op with at least this counter stands; the length where there is none. */
export function indexOfCounter(outbox: readonly OutboxOp[], counter: number): number {
  let low = 0;
  let high = outbox.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((outbox[middle]?.counter ?? 0) < counter) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function findOp(outbox: readonly OutboxOp[], counter: number): OutboxOp | null {
  const op = outbox[indexOfCounter(outbox, counter)];
  return op?.counter === counter ? op : null;
}
