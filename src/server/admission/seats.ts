/** So many at a time for each key, as connections of an address. */

export interface Seats {
  /** @returns the way to give it back, once; null when all are taken. */
  take(key: string): (() => void) | null;
  /** Keys that hold a seat. */
  readonly keys: number;
}

/** @param seatsOfOne null: no bound. */
export function createSeats(seatsOfOne: number | null): Seats {
  const takenByKey = new Map<string, number>();
  return {
    take(key) {
      const taken = takenByKey.get(key) ?? 0;
      if (seatsOfOne !== null && taken >= seatsOfOne) return null;
      takenByKey.set(key, taken + 1);
      let isBack = false;
      return () => {
        if (isBack) return;
        isBack = true;
        const left = (takenByKey.get(key) ?? 1) - 1;
        if (left > 0) takenByKey.set(key, left);
        else takenByKey.delete(key);
      };
    },
    get keys() {
      return takenByKey.size;
    },
  };
}
