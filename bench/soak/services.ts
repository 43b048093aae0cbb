/**
 * PostgreSQL and Redis of the soak's own, on ports and in a folder of their own. The programs: where PG_BIN and REDIS_BIN say, for a
 * user who is not root (which PostgreSQL refuses to be); else those that .ci/services installed in a root of their own.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import type { Cleanup } from '../cleanup.ts';
import { freePort } from './free-port.ts';
import { createService, type Service } from './service.ts';

const run = promisify(execFile);
const startTimeoutMs = 60_000;

interface Programs {
  postgres(name: string): readonly [string, ...string[]];
  redis(): readonly [string, ...string[]];
  /** A new folder for the data of PostgreSQL: as PostgreSQL sees it, and as this process does. */
  newFolder(): Promise<{ readonly inside: string; readonly outside: string }>;
}

export async function createPostgresService(cleanup: Cleanup, dataRoot: string): Promise<Service> {
  const programs = findPrograms(dataRoot);
  const port = await freePort();
  const { inside, outside } = await programs.newFolder();
  cleanup.defer(() => rm(outside, { recursive: true, force: true }));
  const [initdb, ...initdbArgs] = programs.postgres('initdb');
  await run(initdb, [...initdbArgs, '-D', inside, '-A', 'trust', '-U', 'postgres', '--locale=C.UTF-8', '-E', 'UTF8']);
  const admin = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'shared_buffers=256MB', 'max_connections=100'];
  const service = createService(cleanup, {
    name: 'postgresql',
    url: `postgres://postgres@127.0.0.1:${port}/aibrain`,
    command: [
      ...programs.postgres('postgres'),
      '-D',
      inside,
      '-p',
      String(port),
      ...settings.flatMap((setting) => ['-c', setting]),
    ],
    probe: () => query(admin, 'select 1'),
    startTimeoutMs,
  });
  await service.start();
  await query(admin, 'create database aibrain');
  return service;
}

export async function createRedisService(cleanup: Cleanup, dataRoot: string): Promise<Service> {
  const port = await freePort();
  const service = createService(cleanup, {
    name: 'redis',
    url: `redis://127.0.0.1:${port}`,
    command: [
      ...findPrograms(dataRoot).redis(),
      '--bind',
      '127.0.0.1',
      '--port',
      String(port),
      '--save',
      '',
      '--appendonly',
      'no',
    ],
    probe: () => ping(port),
    startTimeoutMs,
  });
  await service.start();
  return service;
}

function findPrograms(dataRoot: string): Programs {
  const { PG_BIN: pgBin, REDIS_BIN: redisBin = 'redis-server', SERVICES_ROOT: root = '/opt/aibrain-services' } = process.env;
  if (pgBin !== undefined) {
    return {
      postgres: (name) => [join(pgBin, name)],
      redis: () => [redisBin],
      newFolder: async () => {
        await mkdir(dataRoot, { recursive: true });
        const folder = await mkdtemp(join(dataRoot, 'soak-'));
        return { inside: folder, outside: folder };
      },
    };
  }
  if (!existsSync(join(root, 'usr/lib/postgresql/17/bin/postgres')))
    throw new Error('the soak needs PG_BIN (a folder with postgres and initdb) and redis-server, or `.ci/services up`');
  return {
    postgres: (name) => ['chroot', '--userspec=postgres:postgres', root, `/usr/lib/postgresql/17/bin/${name}`],
    redis: () => ['chroot', root, '/usr/bin/redis-server'],
    newFolder: async () => {
      const inside = `/var/lib/postgresql/aibrain-soak-${process.pid}`;
      return { inside, outside: join(root, inside) };
    },
  };
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}

function ping(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(2_000, () => socket.destroy(new Error('no answer')));
    socket.on('error', reject);
    socket.once('data', (answer) => {
      socket.destroy();
      if (answer.toString().startsWith('+PONG')) resolve();
      else reject(new Error(answer.toString()));
    });
  });
}
