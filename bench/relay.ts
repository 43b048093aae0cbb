/** The baseline: the raw log relay. */
import { join } from 'node:path';
import type { UserId } from '../src/core/ids.ts';
import type { Contestant, SyncUser } from './contestant.ts';
import { placeToEnv } from './place.ts';
import { openRelayDevice } from './relay-device.ts';
import { startServer } from './server-process.ts';

export const relay: Contestant = {
  name: 'relay',
  start: async (cleanup, place) => {
    const script = join(import.meta.dirname, 'raw-log-relay.js');
    const { url, pid, stop } = await startServer(cleanup, { script, env: placeToEnv(place) });
    const signIn = async (name: string): Promise<SyncUser> => ({
      openDevice: (options) => openRelayDevice(url, name as UserId, options),
    });
    return { pid, url, stop, register: signIn, signIn };
  },
};
