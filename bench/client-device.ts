/** The real client as an app on Node runs it: a replica in a volatile store, sockets by `ws`, tabs of its own. */
import { randomUUID } from 'node:crypto';
import { WebSocket } from 'ws';
import { createClient } from '../src/client/client.ts';
import type { Client, NewMemory } from '../src/client/client-api.ts';
import { browserEnvironment, type ClientEnvironment, type SocketLike } from '../src/client/environment.ts';
import { createTabs } from '../src/client/tabs.ts';
import { createVolatileStore } from '../src/client/volatile-store.ts';
import type { MemoryId } from '../src/core/ids.ts';
import { tagOf } from '../src/core/register.ts';
import type { PushedOp } from '../src/protocol/frames.ts';

export interface ClientAccess {
  readonly url: string;
  readonly token: string;
}

export interface ClientDeviceOptions {
  /** There is no network until `goOnline`. Default: there is. */
  readonly isOffline?: boolean;
  /** Asks for deflated frames. Default: as bare frame devices, it does not. */
  readonly deflate?: boolean;
}

export interface ClientDevice {
  readonly client: Client;
  goOnline(): void;
  /** `performance.now()` of the moment at which its first socket was open, when it says HELLO. */
  readonly helloAt: Promise<number>;
  /** Resolves when the memory can be read here. */
  untilHas(id: MemoryId): Promise<void>;
}

export async function openClientDevice({ url, token }: ClientAccess, options: ClientDeviceOptions): Promise<ClientDevice> {
  const network = createNetwork(options.isOffline !== true);
  const client = await createClient({
    url,
    getToken: async () => token,
    store: createVolatileStore(),
    tabs: createTabs({ name: randomUUID() }),
    compression: options.deflate ?? false,
    environment: network.environment,
  });
  const waiters = new Map<MemoryId, () => void>();
  client.subscribe(({ memories }) => {
    for (const id of memories ?? waiters.keys()) {
      const resolve = waiters.get(id);
      if (resolve === undefined || client.get(id) === null) continue;
      waiters.delete(id);
      resolve();
    }
  });
  return {
    client,
    goOnline: network.goOnline,
    helloAt: network.openedAt,
    untilHas: (id) => (client.get(id) === null ? new Promise((resolve) => waiters.set(id, resolve)) : Promise.resolve()),
  };
}

/** The memory that the op is the first one of, as an app writes it. */
export function toNewMemory({ memoryId, hlc, change }: PushedOp): NewMemory {
  const fields: Record<string, unknown> = { id: memoryId, createdAt: hlc.ms };
  const tags: string[] = [];
  for (const { register, value } of change.writes) {
    const tag = tagOf(register);
    if (tag === null) fields[register] = value;
    else tags.push(tag);
  }
  return { ...fields, tags } as unknown as NewMemory;
}

interface Network {
  readonly environment: ClientEnvironment;
  readonly openedAt: Promise<number>;
  goOnline(): void;
}

function createNetwork(isOnlineAtFirst: boolean): Network {
  const listeners = new Set<() => void>();
  let isOnline = isOnlineAtFirst;
  let setOpenedAt: (at: number) => void = () => undefined;
  const openedAt = new Promise<number>((resolve) => {
    setOpenedAt = resolve;
  });
  const openSocket = (url: string): SocketLike => {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 256 * 1_048_576 });
    socket.once('open', () => setOpenedAt(performance.now()));
    return socket as unknown as SocketLike;
  };
  return {
    openedAt,
    environment: {
      ...browserEnvironment(),
      openSocket,
      isOnline: () => isOnline,
      onNetworkChange: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    goOnline: () => {
      isOnline = true;
      for (const listener of listeners) listener();
    },
  };
}
