/** What `npm run test:services` does where PostgreSQL and Redis are named, where a Docker engine answers, and where neither is. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { chooseServices } from '../support/services.ts';

const program = join(import.meta.dirname, '../../dist/test/with-services.js');
const engine = async (): Promise<boolean> => true;
const noEngine = async (): Promise<boolean> => false;
const notAsked = async (): Promise<boolean> => {
  throw new Error('no engine is needed');
};

it('[house] services that are named are used, and no engine is looked for', async () => {
  expect(await chooseServices({ TEST_DATABASE_URL: 'postgres://there' }, notAsked)).toBe('given');
  expect(await chooseServices({ TEST_REDIS_URL: 'redis://there' }, notAsked)).toBe('given');
});

it('[house] without them containers are used where an engine answers', async () => {
  expect(await chooseServices({ TEST_DATABASE_URL: '' }, engine)).toBe('containers');
  expect(await chooseServices({}, noEngine)).toBe('none');
});

it('[house] a command runs with what is named, and its exit code is passed on', () => {
  const script = 'process.stdout.write(process.env.TEST_DATABASE_URL); process.exit(7)';
  const { status, stdout } = start({ TEST_DATABASE_URL: 'postgres://there' }, script);
  expect({ status, stdout }).toEqual({ status: 7, stdout: 'postgres://there' });
});

it('[house] where no engine answers it says what to do, and runs nothing', () => {
  // No engine is behind this address, and a home of its own names no other.
  const { status, stdout, stderr } = start(
    { DOCKER_HOST: 'tcp://127.0.0.1:1', HOME: '/nonexistent' },
    'process.stdout.write("ran")',
  );
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toContain('set TEST_DATABASE_URL and TEST_REDIS_URL, start a Docker');
});

function start(env: Readonly<Record<string, string>>, script: string) {
  return spawnSync(process.execPath, [program, process.execPath, '-e', script], {
    env: { PATH: process.env['PATH'], ...env },
    encoding: 'utf8',
  });
}
