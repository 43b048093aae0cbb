import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byHintsAlone, nodesContract } from '../../contract/nodes.ts';
import { createApi } from '../../support/api.ts';
import { testDatabase } from '../../support/databases.ts';
import { TestDevice } from '../../support/device.ts';
import { eventually } from '../../support/eventually.ts';
import { send } from '../../support/http.ts';
import { untilAcquainted } from '../../support/node-hints.ts';
import { type CuttableProxy, startProxy } from '../../support/proxy.ts';
import type { TestServer } from '../../support/server.ts';
import { startTwoServers, type TwoServers } from '../../support/two-servers.ts';

describe('two nodes without Redis, by LISTEN', () => {
  nodesContract((databaseUrl) => ({ DATABASE_URL: databaseUrl }));
});

describe('a connection for LISTEN that fails', () => {
  let servers: TwoServers;
  let here: TestServer;
  let elsewhere: TestServer;
  let proxy: CuttableProxy;
  beforeAll(async () => {
    const database = await testDatabase('postgresql');
    const direct = new URL(database.place);
    proxy = await startProxy({ host: direct.hostname, port: Number(direct.port) });
    direct.hostname = '127.0.0.1';
    direct.port = String(proxy.port);
    const env = {
      ...byHintsAlone,
      HEAD_POLL_MS: '50',
      DATABASE_URL: database.place,
      DATABASE_DIRECT_URL: direct.href,
    };
    servers = await startTwoServers(database, env);
    ({ here, elsewhere } = servers);
    await untilAcquainted(here.deps, elsewhere.deps);
  });
  afterAll(async () => {
    await servers?.[Symbol.asyncDispose]();
    await proxy?.[Symbol.asyncDispose]();
  });

  it('[SYN-7] [SYN-10] cut or silent: polls find what hints do not bring, /ready says so, and hints come back', async () => {
    const user = await here.register();
    const device = await new TestDevice({ url: here.url, token: user.token }).connect();
    await device.untilFrame('WELCOME');
    const there = createApi(elsewhere.url, user);
    const readiness = () => send<{ status: string; degraded?: readonly { part: string }[] }>('GET', `${here.url}/ready`);
    for (const [fail, mend] of [
      ['goAway', 'comeBack'],
      ['hold', 'letGo'],
    ] as const) {
      proxy[fail]();
      const { seq } = await there.create();
      await device.until(() => device.replica.cursor === seq, `what was written while it is ${fail}`);
      await eventually(() => !here.deps.hints.isWorking, 'that it is found out');
      expect(await readiness()).toMatchObject({ status: 200, body: { status: 'ready', degraded: [{ part: 'hints' }] } });
      const during = await there.create();
      await device.until(() => device.replica.cursor === during.seq, 'what was written during it');
      proxy[mend]();
      await untilAcquainted(here.deps, elsewhere.deps);
      expect((await readiness()).body).toEqual({ status: 'ready' });
    }
    // The head poll is an hour away again: this came by a hint.
    const last = await there.create();
    await device.until(() => device.replica.cursor === last.seq, 'by a hint');
    device.cut();
  });

  it('[SYN-7] without hints at all the poll alone serves', async () => {
    const database = await testDatabase('postgresql');
    const env = { HEAD_POLL_MS: '50', DATABASE_URL: database.place, NODE_HINTS: 'off' };
    await using two = await startTwoServers(database, env);
    const { here: first, elsewhere: second } = two;
    const user = await first.register();
    const device = await new TestDevice({ url: first.url, token: user.token }).connect();
    await device.untilFrame('WELCOME');
    const { seq } = await createApi(second.url, user).create();
    await device.until(() => device.replica.cursor === seq, 'the memory');
    expect(first.deps.hints.kind).toBe('none');
    device.cut();
  });
});
