/** What the benchmarks compare: a server that many devices of many users push to and pull from. */
import type { Cleanup } from './cleanup.ts';
import type { Device, DeviceOptions } from './device.ts';
import type { Place } from './place.ts';

export interface Contestant {
  readonly name: 'ours' | 'relay';
  start(cleanup: Cleanup, place: Place): Promise<SyncServer>;
}

export interface SyncServer {
  readonly pid: number;
  /** A new user; the name is a UUID. */
  register(name: string): Promise<SyncUser>;
  /** A user that was registered before, by this process or one that had the same place. */
  signIn(name: string): Promise<SyncUser>;
  stop(): Promise<void>;
}

export interface SyncUser {
  /** A socket of a new device, open, before the handshake. */
  openDevice(options?: DeviceOptions): Promise<Device>;
}
