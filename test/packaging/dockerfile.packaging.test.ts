/** The Dockerfile, instruction by instruction: built, run, asked whether it is healthy, used, stopped, started again. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectStillThere, takeFirstSteps } from '../support/first-steps.ts';
import { freePort } from '../support/free-port.ts';
import { type Builder, buildImage } from '../support/image.ts';

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
    './dist/.tsbuildinfo',
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
  expect(output).toMatch(/^aibrain: JWT_SECRET must be set when NODE_ENV is production/);
});

it('[house] it starts, is healthy, serves, ends cleanly on its stop signal as process 1, and finds its data again', async () => {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { ...secret, PORT: `${port}` };
  const first = await docker.run(env);
  await first.until(/listening on http:\/\/0\.0\.0\.0:\d+\ndatabase +PGlite .* in \/data/);
  expect(await first.checkHealth()).toEqual({ code: 0, output: '' });
  await takeFirstSteps(url);
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
