/** Clients in this process, over real sockets: each a device of its own, with a store that can be looked into. */
import { randomUUID } from 'node:crypto';
import { afterEach } from 'vitest';
import { WebSocket } from 'ws';
import { type ClientOptions, createClient } from '../../src/client/client.ts';
import type { Client } from '../../src/client/client-api.ts';
import type { ConnectionTiming } from '../../src/client/connection-timing.ts';
import { browserEnvironment, type ClientEnvironment, type SocketLike } from '../../src/client/environment.ts';
import type { Status } from '../../src/client/status.ts';
import { createTabs } from '../../src/client/tabs.ts';
import { createVolatileStore } from '../../src/client/volatile-store.ts';

export const nodeEnvironment = (): ClientEnvironment => ({
  ...browserEnvironment(),
  openSocket: (url) => new WebSocket(url, { perMessageDeflate: false }) as unknown as SocketLike,
});

export type TestClientOptions = Omit<Partial<ClientOptions>, 'getToken'> & {
  readonly url: string;
  readonly token: string | ClientOptions['getToken'];
};

/** Waits that would be minutes are short, so that a test sees how they end. */
export const shortTiming: Partial<ConnectionTiming> = { welcomeMs: 2_000, pingMs: 300, pongMs: 300, pollMs: 50 };

/** Opens clients for the suite that calls this, and closes them after each test. */
export function useClients(): (options: TestClientOptions) => Promise<Client> {
  const opened: Client[] = [];
  afterEach(async () => {
    for (const client of opened.splice(0)) await client.close();
  });
  return async ({ token, ...options }) => {
    const client = await createClient({
      getToken: typeof token === 'string' ? async () => token : token,
      store: createVolatileStore(),
      tabs: createTabs({ name: randomUUID() }),
      environment: nodeEnvironment(),
      ...options,
    });
    opened.push(client);
    return client;
  };
}

/** Resolves when the status is so; looked at whenever the client says that something changed. */
export function untilStatus(client: Client, isSo: (status: Status) => boolean): Promise<Status> {
  return until(client, () => isSo(client.status)).then(() => client.status);
}

/** Resolves when it holds, looked at whenever the client says that something changed. */
export async function until(client: Client, isSo: () => boolean): Promise<void> {
  if (isSo()) return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not so after 15 s: ${JSON.stringify(client.status)}`)), 15_000);
    const stop = client.subscribe(() => {
      if (!isSo()) return;
      stop();
      clearTimeout(timer);
      resolve();
    });
  });
}
