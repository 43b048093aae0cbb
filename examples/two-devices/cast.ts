/** The server and the two devices, as every act needs them. */
import type { Api } from './api.ts';
import type { DeviceHandle } from './device-handle.ts';
import type { Holding } from './device-orders.ts';
import type { Terminal } from './terminal.ts';

export interface Credentials {
  readonly email: string;
  readonly password: string;
}

export interface Cast {
  readonly terminal: Terminal;
  readonly api: Api;
  readonly credentials: Credentials;
  readonly laptop: DeviceHandle;
  readonly phone: DeviceHandle;
}

export interface Holdings {
  readonly laptop: Holding;
  readonly phone: Holding;
}

/** Resolves when each has everything of the other. @param seq at least so far. */
export async function settle({ laptop, phone }: Cast, seq = 0): Promise<Holdings> {
  const reach = async (to: number): Promise<Holdings> => {
    const [ofLaptop, ofPhone] = await Promise.all([laptop.ask('reach', to), phone.ask('reach', to)]);
    return { laptop: ofLaptop, phone: ofPhone };
  };
  const acknowledged = await reach(seq);
  return await reach(Math.max(acknowledged.laptop.cursor, acknowledged.phone.cursor));
}

export const connect = ({ api }: Cast, device: DeviceHandle) => device.ask('connect', { url: api.syncUrl, token: device.token });
