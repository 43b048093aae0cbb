/**
 * The Dockerfile, instruction by instruction: built, run, asked whether it is healthy, used, stopped, started again; and then as
 * docker-compose.yml runs it.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { freePort } from '../../bench/soak/free-port.ts';
import { testDatabaseUrl } from '../support/databases.ts';
import { expectStillThere, takeFirstSteps } from '../support/first-steps.ts';
import { type Builder, buildImage } from '../support/image.ts';
import { type StorePlace, storePlace } from '../support/places.ts';

const execute = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const secret = { JWT_SECRET: 'a secret that is long enough for a test' };

let docker: Builder;
beforeAll(async () => {
  docker = await buildImage(await readFile(join(root, 'Dockerfile'), 'utf8'), root);
  await docker.createVolume('/data');
}, 300_000);
afterAll(() => docker[Symbol.asyncDispose]());

it('[house] the image holds what the server needs, and nothing that only builds or tests it', async () => {
  const { output } = await docker.exec(['find', '.', '-maxdepth', '2', '-not', '-path', './node_modules/*']);
  expect(output.trim().split('\n').sort()).toEqual([
    '.',
    './dist',
    './dist/docs',
    './dist/embedded-template',
    './dist/src',
    './migrations',
    ...(await migrations()),
    './node_modules',
    './package.json',
  ]);
  const installed = await docker.exec(['find', 'node_modules', '-maxdepth', '2']);
  const names = new Set(installed.output.split('\n'));
  expect(names).toContain('node_modules/fastify');
  expect((await onlyForDevelopment()).filter((name) => names.has(name))).toEqual([]);
});

it('[house] the container is nobody of importance: not root, no capabilities, and nothing to write to but its data and /tmp', async () => {
  expect((await docker.exec(['id', '-un'])).output).toBe('node\n');
  const { output } = await docker.exec(['grep', '-E', '^(CapEff|CapBnd|NoNewPrivs)', '/proc/self/status']);
  expect(output.replaceAll('\t', ' ').trim().split('\n').sort()).toEqual([
    'CapBnd: 0000000000000000',
    'CapEff: 0000000000000000',
    'NoNewPrivs: 1',
  ]);
  for (const path of ['/app/x', '/app/dist/x', '/etc/x', '/home/x']) {
    expect((await docker.exec(['touch', path])).output).toMatch(/Read-only file system|Permission denied/);
  }
  for (const path of ['/data/x', '/tmp/x']) expect((await docker.exec(['touch', path])).code).toBe(0);
  expect((await docker.exec(['rm', '/data/x'])).code).toBe(0);
  expect((await docker.exec(['stat', '-c', '%U:%a', '/data'])).output).toBe('node:700\n');
});

it('[house] without a secret it refuses to start, and says how to make one', async () => {
  const { code, output } = await (await docker.run({})).ended;
  expect(code).toBe(1);
  expect(output).toMatch(/^aibrain: JWT_SECRET must be set \(or JWT_KEYS\) when NODE_ENV is production/);
});

it('[house] it starts, is healthy, serves, ends cleanly on its stop signal as process 1, and finds its data again', async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { ...secret, PORT: `${port}` };
  const first = await docker.run(env);
  await first.until(/listening on http:\/\/0\.0\.0\.0:\d+\ndatabase +PGlite .* in \/data/);
  expect(await first.checkHealth()).toEqual({ code: 0, output: '' });
  await takeFirstSteps(url);
  // What the build made for people is in the image too.
  expect((await fetch(`${url}/docs`)).status).toBe(200);
  expect((await fetch(`${url}/docs/docs-page.js`)).status).toBe(200);
  process.kill(first.pid, docker.image.stopSignal);
  expect((await first.ended).code).toBe(0);
  expect((await first.checkHealth()).code).toBe(1);

  const second = await docker.run(env);
  await second.until(/listening on/);
  await expectStillThere(url);
  process.kill(second.pid, docker.image.stopSignal);
  expect((await second.ended).code).toBe(0);
}, 120_000);

it('[house] the other commands of aibrain run in it', async () => {
  const { code, output } = await (await docker.run(secret, ['verify'])).ended;
  expect(output).toContain('1 users, 1 events: every chain verifies');
  expect(code).toBe(0);
}, 60_000);

/** Their images are not to be had without an engine: the programs are those of .ci/services, PostgreSQL as it runs there. */
describe.skipIf(testDatabaseUrl === undefined)('what the compose file tells PostgreSQL, Redis and the server to do', () => {
  /** The Debian root in which .ci/services keeps both. */
  const services = process.env['SERVICES_ROOT'] ?? '/opt/aibrain-services';
  let compose: Compose;
  let database: StorePlace;
  let redis: ChildProcess;
  let redisPort: number;

  beforeAll(async () => {
    compose = parse(await readFile(join(root, 'docker-compose.yml'), 'utf8'), { merge: true });
    database = await storePlace('postgresql');
    redisPort = await freePort();
    const { command, user } = compose.services.redis;
    const words = [`--userspec=${user}`, services, ...command, '--port', `${redisPort}`, '--bind', '127.0.0.1'];
    redis = spawn('chroot', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    await untilSaid(redis, /Ready to accept connections/);
    await docker.createVolume('/data');
  });
  afterAll(async () => {
    redis.kill('SIGKILL');
    await once(redis, 'close');
    await database[Symbol.asyncDispose]();
  });

  it('[house] Redis starts with its command, keeps nothing on a disk, drops what is oldest, and its health check answers', async () => {
    const [, ...check] = compose.services.redis.healthcheck.test;
    const ask = async (...words: readonly string[]): Promise<string> =>
      (await execute('chroot', [services, ...words])).stdout.trim();
    const client = [check[0] ?? '', '-p', `${redisPort}`];
    expect(await ask(...client, ...check.slice(1))).toBe('PONG');
    expect(await ask(...client, 'config', 'get', 'save')).toBe('save');
    expect(await ask(...client, 'config', 'get', 'maxmemory-policy')).toBe('maxmemory-policy\nallkeys-lru');
    expect(await ask(...client, 'config', 'get', 'maxmemory')).toBe(`maxmemory\n${192 * 1024 ** 2}`);
  });

  it('[house] the health check of PostgreSQL answers over TCP, and not where nobody listens', async () => {
    const [, ...check] = compose.services.postgres.healthcheck.test;
    const { hostname, port } = new URL(testDatabaseUrl ?? '');
    const ready = (at: string) => execute('chroot', [services, ...check, `--host=${hostname}`, `--port=${at}`]);
    await ready(port);
    await expect(ready('1')).rejects.toMatchObject({ code: 2 });
  });

  it('[house] the server serves from both on the settings of the file, keeps nothing of its own, and starts again on them', async () => {
    const port = `${await freePort()}`;
    const { environment, healthcheck } = compose.services.server;
    const env = {
      ...environment,
      JWT_SECRET: 'a secret that is long enough for a test',
      DATABASE_URL: database.env['DATABASE_URL'] ?? '',
      REDIS_URL: `redis://127.0.0.1:${redisPort}`,
      PORT: port,
    };
    const [, ...check] = healthcheck.test;
    const checkAt = check.map((word) => word.replace(':3000/', `:${port}/`));
    const first = await docker.run(env);
    await first.until(/listening on http:\/\/0\.0\.0\.0:\d+\ndatabase +PostgreSQL/);
    expect(await docker.exec(checkAt)).toEqual({ code: 0, output: '' });
    await takeFirstSteps(`http://127.0.0.1:${port}`);
    process.kill(first.pid, docker.image.stopSignal);
    expect((await first.ended).code).toBe(0);
    expect((await docker.exec(checkAt)).code).toBe(1);
    expect((await docker.exec(['find', '/data', '-mindepth', '1'])).output).toBe('');

    const second = await docker.run(env);
    await second.until(/listening on/);
    await expectStillThere(`http://127.0.0.1:${port}`);
    process.kill(second.pid, docker.image.stopSignal);
    expect((await second.ended).code).toBe(0);
  }, 120_000);
});

interface Service {
  readonly user: string;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly healthcheck: { readonly test: readonly string[] };
}

interface Compose {
  readonly services: Readonly<Record<'server' | 'postgres' | 'redis', Service>>;
}

function untilSaid(child: ChildProcess, pattern: RegExp): Promise<void> {
  let said = '';
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (text: Buffer) => {
      said += text.toString();
      if (pattern.test(said)) resolve();
    });
    child.once('close', () => reject(new Error(`it ended: ${said}`)));
  });
}

/** Packages that the lock file marks so, by their folders. */
async function onlyForDevelopment(): Promise<readonly string[]> {
  const { packages } = JSON.parse(await readFile(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean }>>;
  };
  return Object.keys(packages).filter((folder) => packages[folder]?.dev === true);
}

async function migrations(): Promise<readonly string[]> {
  return (await readdir(join(root, 'migrations'))).map((name) => `./migrations/${name}`).sort();
}
