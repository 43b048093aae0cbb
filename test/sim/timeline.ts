/**
 * Virtual time: what is to happen, by when. Between two events the promises of everybody run to their end, so a run is a pure
 * function of its seed; nothing here or in what it drives waits for real time.
 */
export interface Timeline {
  /** Virtual ms since the beginning. */
  readonly now: number;
  /** How many events have happened. */
  readonly events: number;
  /** @returns the way to call it off. */
  after(delayMs: number, happen: () => void): () => void;
  /** Runs events until `isDone`, asked after each, or the time is up. @returns whether it was done. */
  run(untilMs: number, isDone?: () => boolean): Promise<boolean>;
}

/** More in one run means that somebody turns in a circle without time going by. */
const maxEvents = 2_000_000;

interface Entry {
  readonly at: number;
  readonly order: number;
  happen: (() => void) | null;
}

export function createTimeline(): Timeline {
  const heap: Entry[] = [];
  let now = 0;
  let order = 0;
  let events = 0;

  return {
    get now() {
      return now;
    },
    get events() {
      return events;
    },
    after(delayMs, happen) {
      const entry: Entry = { at: now + Math.max(0, Math.ceil(delayMs)), order: order++, happen };
      push(heap, entry);
      return () => {
        entry.happen = null;
      };
    },
    async run(untilMs, isDone = () => false) {
      await turn();
      while (!isDone()) {
        const entry = heap[0];
        if (entry === undefined || entry.at > untilMs) {
          now = Math.max(now, untilMs);
          return false;
        }
        pop(heap);
        if (entry.happen === null) continue;
        now = Math.max(now, entry.at);
        if (++events > maxEvents) throw new Error(`more than ${maxEvents} events: somebody turns in a circle`);
        entry.happen();
        await turn();
      }
      return true;
    },
  };
}

/** A turn of the event loop: every promise that could go on has gone on. About 1 µs. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const isBefore = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as Entry;
    if (isBefore(above, entry)) break;
    heap[at] = above;
    heap[parent] = entry;
    at = parent;
  }
}

function pop(heap: Entry[]): void {
  const last = heap.pop() as Entry;
  if (heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child++;
    if (isBefore(last, heap[child] as Entry)) break;
    heap[at] = heap[child] as Entry;
    at = child;
  }
  heap[at] = last;
}
