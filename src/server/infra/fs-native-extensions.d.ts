/** The package has no types; this is what we use of it. */
declare module 'fs-native-extensions' {
  /** An exclusive lock on the whole file; false when another descriptor holds it. */
  export function tryLock(fd: number): boolean;
}
