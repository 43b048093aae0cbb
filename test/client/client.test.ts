/** The client against a whole server, over a real socket, as an app uses it. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createClient } from '../../src/client/client.ts';
import type { Client } from '../../src/client/client-api.ts';
import { browserEnvironment, type SocketLike } from '../../src/client/environment.ts';
import { createTabs } from '../../src/client/tabs.ts';
import { createVolatileStore } from '../../src/client/volatile-store.ts';
import { startTestServer, type TestServer, type TestUser } from '../support/server.ts';

describe('a client', () => {
  let server: TestServer;
  let user: TestUser;
  const clients: Client[] = [];

  beforeAll(async () => {
    server = await startTestServer();
    user = await server.register();
  });
  afterAll(async () => {
    for (const client of clients) await client.close();
    await server?.[Symbol.asyncDispose]();
  });

  async function open(): Promise<Client> {
    const client = await createClient({
      url: server.url,
      getToken: async () => user.token,
      store: createVolatileStore(),
      tabs: createTabs({ name: randomUUID() }),
      environment: { ...browserEnvironment(), openSocket: (url) => new WebSocket(url) as unknown as SocketLike },
    });
    clients.push(client);
    return client;
  }

  it('[SYN-3] what one device writes another one has', async () => {
    const [a, b] = [await open(), await open()];
    const memory = await a.create({ content: 'Tea', type: 'fact', scope: 'user_global', tags: ['drinks'] });
    await a.settled();
    await b.settled();
    expect(b.get(memory.id)).toMatchObject({ content: 'Tea', tags: ['drinks'], isPending: false });
    expect(a.status).toMatchObject({ state: 'live', outbox: 0, behind: 0, transport: 'socket' });
  });
});
