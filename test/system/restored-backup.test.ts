/**
 * A server that goes back to yesterday's backup while devices hold what it lost: the folder of the embedded database is
 * copied, written on, and put back. Nothing that a living device still shows is gone afterwards.
 */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePort } from '../../bench/soak/free-port.ts';
import type { Client } from '../../src/client/client-api.ts';
import { shortTiming, until, useClients } from '../support/client.ts';
import { send } from '../support/http.ts';
import type { TestUser } from '../support/server.ts';
import { type ServerProcess, startServerProcess } from '../support/server-process.ts';

const cli = join(import.meta.dirname, '../../dist/src/server/cli.js');

describe('a server restored from a backup', () => {
  const open = useClients();
  let place: string;
  let env: Record<string, string>;
  let server: ServerProcess;
  let token: string;
  const fact = (content: string) => ({ content, type: 'fact', scope: 'user_global' }) as const;

  beforeEach(async () => {
    place = mkdtempSync(join(tmpdir(), 'aibrain-restored-'));
    env = { DATA_DIR: join(place, 'data'), PORT: String(await freePort()) };
    server = await startServerProcess(env);
    const body = { email: 'a@example.org', password: 'correct horse, battery staple' };
    ({ token } = (await send<TestUser>('POST', `${server.url}/api/v1/auth/register`, { body })).body);
  });
  afterEach(async () => {
    await server.kill9();
    rmSync(place, { recursive: true, force: true });
  });

  /** As an app whose person is looking: it does not wait out a long pause between two attempts. */
  async function openOne(): Promise<Client> {
    const client = await open({ url: server.url, token, timing: shortTiming });
    client.subscribe(() => {
      if (client.status.state === 'waiting') client.syncNow();
    });
    return client;
  }

  async function backUp(): Promise<void> {
    await server.kill9();
    cpSync(env['DATA_DIR'] ?? '', join(place, 'backup'), { recursive: true });
    server = await startServerProcess(env);
  }

  async function restore(beforeStart: () => Promise<unknown>): Promise<void> {
    await server.kill9();
    rmSync(env['DATA_DIR'] ?? '', { recursive: true });
    cpSync(join(place, 'backup'), env['DATA_DIR'] ?? '', { recursive: true });
    await beforeStart();
    server = await startServerProcess(env);
  }

  async function newEpoch(): Promise<void> {
    await promisify(execFile)(process.execPath, [cli, 'new-epoch'], { env: { PATH: process.env['PATH'], ...env } });
  }

  it.each([
    ['after aibrain new-epoch', newEpoch],
    ['without it', async (): Promise<void> => undefined],
  ] as const)(
    '[SYN-5] %s: what it lost comes back from the devices, and all agree',
    async (_, beforeStart) => {
      const [writer, reader] = [await openOne(), await openOne()];
      const kept = await writer.create(fact('in the backup'));
      const edited = await writer.create(fact('as it was'));
      await writer.settled();
      await backUp();
      await writer.settled();
      const lost = await writer.create({ ...fact('after the backup'), tags: ['lost'] });
      await writer.update(edited.id, { content: 'as it became' });
      await writer.settled();
      await until(reader, () => reader.get(edited.id)?.content === 'as it became');

      await restore(beforeStart);
      // One that wrote before the devices came back, so that the log is longer than they know.
      const newcomer = await openOne();
      await newcomer.create(fact('after the restore'));
      for (const client of [writer, reader, newcomer]) {
        client.syncNow();
        await until(client, () => client.count() === 4 && client.status.state === 'live' && client.status.outbox === 0);
        await until(client, () => client.get(edited.id)?.content === 'as it became');
        expect(client.get(lost.id)).toMatchObject({ content: 'after the backup', tags: ['lost'] });
        expect(client.get(kept.id)?.content).toBe('in the backup');
      }
      const verdict = await send<{ verified: boolean }>('GET', `${server.url}/api/v1/audit/verify`, { token });
      expect(verdict.body.verified).toBe(true);
    },
    90_000,
  );
});
