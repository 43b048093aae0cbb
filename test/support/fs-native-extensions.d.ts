declare module 'fs-native-extensions' {
  /** Waits for an exclusive lock on the whole file. It goes with the descriptor. */
  export function waitForLock(fd: number): Promise<void>;
}
