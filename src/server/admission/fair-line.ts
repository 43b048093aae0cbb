/**
 * What waits for its group: a line of its own for each key, taken round after round, so that nobody stands behind all that another
 * one brought. Within a key the order is kept. Taking a group costs what it takes, however much waits.
 */

export interface FairLine<K, T> {
  push(key: K, item: T, cost: number): void;
  /**
   * The keys in turn, each up to a share, until the group is full. Both are passed by one item at most. Keys
   * of which more waits go to the end of the ring, those that had no turn stand first in the next group.
   */
  take(groupCost: number, shareCost: number): T[];
  /** Of everything that waits. */
  readonly cost: number;
  costOf(key: K): number;
}

interface Lane<T> {
  items: { readonly item: T; readonly cost: number }[];
  /** Those before it are taken: shifting an array of ten thousand each time would cost more than the work. */
  first: number;
  cost: number;
}

/** Taken items are let go of when there are so many. */
const maxTaken = 1_024;

export function createFairLine<K, T>(): FairLine<K, T> {
  /** In the order of their turns. */
  const lanes = new Map<K, Lane<T>>();
  let waiting = 0;

  const takeShare = (lane: Lane<T>, share: number, into: T[]): number => {
    let cost = 0;
    while (lane.first < lane.items.length && cost < share) {
      const next = lane.items[lane.first++];
      if (next === undefined) break;
      cost += next.cost;
      into.push(next.item);
    }
    lane.cost -= cost;
    if (lane.first > maxTaken) {
      lane.items = lane.items.slice(lane.first);
      lane.first = 0;
    }
    return cost;
  };

  return {
    push(key, item, cost) {
      const lane = lanes.get(key);
      if (lane === undefined) lanes.set(key, { items: [{ item, cost }], first: 0, cost });
      else {
        lane.items.push({ item, cost });
        lane.cost += cost;
      }
      waiting += cost;
    },
    take(groupCost, shareCost) {
      const group: T[] = [];
      let cost = 0;
      // A lane that goes to the end of the map would be met again.
      const turns = lanes.size;
      let turn = 0;
      for (const [key, lane] of lanes) {
        if (turn++ === turns || cost >= groupCost) break;
        cost += takeShare(lane, Math.min(shareCost, groupCost - cost), group);
        lanes.delete(key);
        if (lane.first < lane.items.length) lanes.set(key, lane);
      }
      waiting -= cost;
      return group;
    },
    get cost() {
      return waiting;
    },
    costOf: (key) => lanes.get(key)?.cost ?? 0,
  };
}
