/** A device of a user: the real client, which writes, goes offline and comes back. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { createClient } from '../../src/client/client.ts';
import type { Client } from '../../src/client/client-api.ts';
import { browserEnvironment, type ClientEnvironment, type SocketLike } from '../../src/client/environment.ts';
import { createTabs } from '../../src/client/tabs.ts';
import { createVolatilePlace, type VolatilePlace } from '../../src/client/volatile-place.ts';
import { createVolatileStore } from '../../src/client/volatile-store.ts';
import type { MemoryId } from '../../src/core/ids.ts';
import { toNewMemory } from '../client-device.ts';
import { createMemories } from '../memory-generator.ts';
import { createRandom } from '../random.ts';
import type { Ledger } from './ledger.ts';
import type { Observations } from './observations.ts';
import type { Session } from './session.ts';

export interface SoakDevice {
  readonly client: Client;
  /** What it keeps. */
  readonly place: VolatilePlace;
  /** Works until the signal says to stop, and is online then. */
  run(signal: AbortSignal): Promise<void>;
}

export interface DeviceDeps {
  readonly url: string;
  readonly session: Session;
  readonly ledger: Ledger;
  readonly observations: Pick<Observations, 'socketClosed'>;
}

const pauseMs = { least: 200, more: 800 } as const;
const offlineMs = { least: 1_000, more: 8_000 } as const;

export async function openSoakDevice(deps: DeviceDeps, seed: number): Promise<SoakDevice> {
  const { url, session, ledger, observations } = deps;
  const place = createVolatilePlace();
  const network = createNetwork(observations);
  const client = await createClient({
    url,
    getToken: (reason) => (reason === 'refused' ? session.renewed() : session.token()),
    store: createVolatileStore(place),
    tabs: createTabs({ name: randomUUID() }),
    compression: seed % 2 === 0,
    environment: network.environment,
  });
  const random = createRandom(seed);
  const drafts = createMemories(2_000, seed).map(toNewMemory);
  const own: MemoryId[] = [];
  const draft = () =>
    drafts[random.below(drafts.length)] ?? { content: '', type: 'fact' as const, scope: 'user_global' as const };
  const text = (): string => ledger.newContent(`${draft().content} (${seed})`);

  const create = async (): Promise<void> => {
    const { id: _, createdAt: __, ...fields } = draft();
    const { id, content } = await client.create({ ...fields, content: text() });
    own.push(id);
    ledger.note({ memoryId: id, content, state: 'acked', device: client.device });
  };
  const update = async (): Promise<void> => {
    const shown = client.list({ limit: 20 });
    const memory = shown[random.below(shown.length)];
    if (memory === undefined) return;
    const { content } = await client.update(memory.id, { content: text() });
    ledger.note({ memoryId: memory.id, content, state: 'acked', device: client.device });
  };
  const remove = async (): Promise<void> => {
    const [id] = own.splice(random.below(own.length), 1);
    if (id === undefined) return;
    await client.delete(id);
    ledger.noteDeleted(id);
  };
  const beOffline = async (): Promise<void> => {
    network.set(false);
    const writes = 1 + random.below(10);
    for (let i = 0; i < writes; i++) await (random.chance(0.5) ? create() : update());
    await sleep(offlineMs.least + random.below(offlineMs.more));
    network.set(true);
  };
  const act = (): Promise<unknown> => {
    const roll = random.next();
    if (roll < 0.45) return create();
    if (roll < 0.83) return update();
    if (roll < 0.88) return remove();
    if (roll < 0.94) return client.search(String(draft().content));
    return beOffline();
  };
  return {
    client,
    place,
    run: async (signal) => {
      while (!signal.aborted) {
        await act();
        await sleep(pauseMs.least + random.below(pauseMs.more));
      }
    },
  };
}

interface Network {
  readonly environment: ClientEnvironment;
  set(isOnline: boolean): void;
}

/** Going offline cuts the socket, as a phone does that leaves the house. */
function createNetwork(observations: Pick<Observations, 'socketClosed'>): Network {
  const listeners = new Set<() => void>();
  const sockets = new Set<WebSocket>();
  let isOnline = true;
  return {
    environment: {
      ...browserEnvironment(),
      fetch: (url, init) => (isOnline ? fetch(url, init) : Promise.reject(new TypeError('there is no network'))),
      openSocket: (url) => {
        const socket = new WebSocket(url, { perMessageDeflate: false });
        sockets.add(socket);
        socket.on('close', (code) => {
          sockets.delete(socket);
          if (isOnline) observations.socketClosed(code);
        });
        // What went wrong the close tells, which comes next.
        socket.on('error', () => undefined);
        return socket as unknown as SocketLike;
      },
      isOnline: () => isOnline,
      onNetworkChange: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    set: (online) => {
      isOnline = online;
      if (!online) for (const socket of sockets) socket.terminate();
      for (const listener of listeners) listener();
    },
  };
}
