/** What has to be undone at the end, also when the demo fails or is interrupted: processes and the folder. */
export interface Cleanup {
  defer(undo: () => Promise<void>): void;
  /** The latest first. A second call waits for the first one. */
  runAll(): Promise<void>;
}

export function createCleanup(): Cleanup {
  const pending: (() => Promise<void>)[] = [];
  let running: Promise<void> | null = null;
  const run = async (): Promise<void> => {
    for (let undo = pending.pop(); undo !== undefined; undo = pending.pop()) await undo();
  };
  return {
    defer: (undo) => void pending.push(undo),
    runAll: () => {
      running ??= run();
      return running;
    },
  };
}
