/** One after the other for equal keys, all others beside them. */
export interface KeyedLane {
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
}

export function createKeyedLane(): KeyedLane {
  const lastByKey = new Map<string, Promise<unknown>>();
  return {
    async run(key, work) {
      const before = lastByKey.get(key);
      const own = before === undefined ? work() : before.then(work, work);
      lastByKey.set(key, own);
      try {
        return await own;
      } finally {
        if (lastByKey.get(key) === own) lastByKey.delete(key);
      }
    },
  };
}
