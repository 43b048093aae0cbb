/** What the benchmarks compare: a server that many devices of many users push to and pull from. */
import type { Cleanup } from './cleanup.ts';
import type { Device, DeviceOptions } from './device.ts';
import type { Place } from './place.ts';

export interface Contestant<User extends SyncUser = SyncUser> {
  readonly name: 'ours' | 'relay';
  start(cleanup: Cleanup, place: Place): Promise<SyncServer<User>>;
}

export interface SyncServer<User extends SyncUser = SyncUser> {
  readonly pid: number;
  readonly url: string;
  /** A new user; the name is a UUID. */
  register(name: string): Promise<User>;
  /** A user that was registered before, by this process or one that had the same place. */
  signIn(name: string): Promise<User>;
  stop(): Promise<void>;
}

export interface SyncUser {
  /** A socket of a new device, open, before the handshake. */
  openDevice(options?: DeviceOptions): Promise<Device>;
}
