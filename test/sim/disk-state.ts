/** What is on a device's disk. */
import type { VolatileBackup } from '../../src/client/volatile-place.ts';

export type DiskState = Readonly<VolatileBackup['content']>;
