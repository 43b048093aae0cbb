/** What has to be undone at the end, also when the run is interrupted: processes, databases, folders. */
export interface Cleanup {
  /** The answer undoes it now; it is undone once, and the latest first. */
  defer(undo: () => Promise<void>): () => Promise<void>;
  runAll(): Promise<void>;
}

export function createCleanup(): Cleanup {
  const pending: (() => Promise<void>)[] = [];
  return {
    defer: (undo) => {
      let undone: Promise<void> | undefined;
      const once = (): Promise<void> => {
        undone ??= undo();
        return undone;
      };
      pending.push(once);
      return once;
    },
    runAll: async () => {
      for (let undo = pending.pop(); undo !== undefined; undo = pending.pop()) await undo();
    },
  };
}
