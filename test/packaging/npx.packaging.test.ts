/** The package as npm makes it, installed from its tarball into an empty folder, and used as somebody does who has just read of it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { expectStillThere, takeFirstSteps } from '../support/first-steps.ts';

const execute = promisify(execFile);
const root = join(import.meta.dirname, '../..');
// Where this runs under `npm run`, npm has told its children of this package; the new folder is to know nothing of it.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(npm_|TEST_|INIT_CWD|NODE_ENV)/.test(name)));

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

let place: string;
let packed: Packed;

beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'aibrain-npx-'));
  // Builds first, as publishing does; what building says goes to the same output.
  const { stdout } = await execute('npm', ['pack', '--json', '--pack-destination', place], { cwd: root, env });
  [packed = { filename: '', files: [] }] = JSON.parse(stdout.slice(stdout.indexOf('[\n  {'))) as Packed[];
  await writeFile(join(place, 'package.json'), '{ "private": true }');
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
  await execute('npm', ['install', '--omit=dev', ...quiet, join(place, packed.filename)], { cwd: place, env });
}, 300_000);
afterAll(() => rm(place, { recursive: true, force: true }));

it('[house] the package has what a server needs, and nothing of the tests, the secrets and the machine it was made on', async () => {
  const paths = packed.files.map(({ path }) => path);
  const migrations = (await readdir(join(root, 'migrations'))).map((name) => `migrations/${name}`);
  expect(paths).toEqual(expect.arrayContaining(['package.json', 'README.md', 'LICENSE', '.env.example', ...migrations]));
  expect(paths).toEqual(
    expect.arrayContaining(['dist/src/server/cli.js', 'dist/client/index.js', 'dist/docs/docs-page.js', 'docs/DEPLOY.md']),
  );
  expect(paths.filter((path) => /^dist\/embedded-template\/pglite-.*\.tar\.gz$/.test(path))).toHaveLength(1);
  const folders = /^(dist\/(client|docs|embedded-template|src)|docs|migrations|deploy)\//;
  const others = paths.filter((path) => !folders.test(path));
  expect(others.sort()).toEqual(['.env.example', 'LICENSE', 'README.md', 'package.json']);
});

it('[house] npx aibrain-server starts, serves, ends at Ctrl-C, and npx aibrain proves what it wrote', async () => {
  const first = await start();
  await takeFirstSteps(first.url);
  expect(await first.interrupt()).toMatch(/SIGINT: finishing what is under way/);
  const second = await start();
  await expectStillThere(second.url);
  await second.interrupt();
  const { stdout } = await execute('npx', ['--no', 'aibrain', 'verify'], { cwd: place, env });
  expect(stdout).toContain('1 users, 1 events: every chain verifies');
}, 120_000);

it('[house] the published client can be imported', async () => {
  const script = "import('aibrain-server/client').then((client) => console.log(typeof client.createClient))";
  const { stdout } = await execute(process.execPath, ['-e', script], { cwd: place, env });
  expect(stdout).toBe('function\n');
});

/** In a group of its own, since Ctrl-C reaches npx, its shell and the server alike. */
async function start() {
  const child = spawn('npx', ['--no', 'aibrain-server'], {
    cwd: place,
    env: { ...env, PORT: '0', LOG_LEVEL: 'warn' },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const url = await untilListening(child, (text) => {
    output += text;
    return output;
  });
  return {
    url,
    async interrupt() {
      const ended = once(child, 'close');
      process.kill(-(child.pid ?? 0), 'SIGINT');
      await ended;
      return output;
    },
  };
}

function untilListening(child: ChildProcess, gather: (text: string) => string): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (text: Buffer): void => {
      said = gather(text.toString());
      const url = /listening on (\S+)/.exec(said)?.[1];
      if (url !== undefined) resolve(url);
    };
    child.stdout?.on('data', hear);
    child.stderr?.on('data', hear);
    child.once('close', () => reject(new Error(`it ended: ${said}`)));
  });
}
