/** The process itself, as it is built: what it says, how it refuses, how it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { send } from '../support/http.ts';
import type { TestUser } from '../support/server.ts';

const program = join(import.meta.dirname, '../../dist/src/server/main.js');

interface Run {
  readonly child: ChildProcess;
  readonly output: { out: string; err: string };
  /** Resolves with the URL when it listens. */
  readonly url: Promise<string>;
  readonly exitCode: Promise<number | null>;
  /** Of standard output. */
  readonly firstLine: Promise<string>;
}

describe('the server process', () => {
  let dataDir: string;
  const runs: Run[] = [];
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'aibrain-main-'));
  });
  afterEach(async () => {
    for (const { child, exitCode } of runs.splice(0)) {
      child.kill('SIGKILL');
      await exitCode;
    }
    rmSync(dataDir, { recursive: true, force: true });
  });

  const start = (env: Readonly<Record<string, string>> = {}): Run => {
    const run = startProcess({
      PORT: '0',
      DATA_DIR: dataDir,
      LOG_LEVEL: 'warn',
      SLOW_REQUEST_MS: '0',
      SLOW_STATEMENT_MS: '0',
      ...env,
    });
    runs.push(run);
    return run;
  };
  /** Of a start that has to fail. */
  const refusal = async (env: Readonly<Record<string, string>>): Promise<string> => {
    const { exitCode, output } = start(env);
    expect(await exitCode).toBe(1);
    expect(output.out).toBe('');
    return output.err;
  };

  it('says where it listens, on what, and what to try', async () => {
    const run = start();
    const url = await run.url;
    expect(run.output.out).toMatch(
      /^AIBrain Server \d+\.\d+\.\d+\nlistening on http:\/\/127\.0\.0\.1:\d+\ndatabase +PGlite .* in .*\nstarted in +\d+ ms\n/,
    );
    expect(run.output.out).toContain(`curl -X POST ${url}/api/v1/auth/register`);
    expect(run.output.out).toContain('npm run demo');
    expect((await send('GET', `${url}/ready`)).status).toBe(200);
    expect(run.output.err).toBe('');
  });

  it('ends gracefully on SIGTERM, and the next one knows its users and tokens', async () => {
    const first = start();
    const body = { email: 'me@example.org', password: 'a long passphrase' };
    const { body: user } = await send<TestUser>('POST', `${await first.url}/api/v1/auth/register`, { body });
    first.child.kill('SIGTERM');
    expect(await first.exitCode).toBe(0);
    const second = start();
    expect((await send('GET', `${await second.url}/api/v1/auth/me`, { token: user.token })).status).toBe(200);
  });

  it('finishes what is under way before it ends', async () => {
    const run = start();
    const url = await run.url;
    const body = { email: 'me@example.org', password: 'a long passphrase' };
    const underWay = send('POST', `${url}/api/v1/auth/register`, { body });
    await new Promise((resolve) => setTimeout(resolve, 20));
    run.child.kill('SIGINT');
    // Whether or not it had arrived: an answer that was given is true.
    const answer = await underWay.catch(() => null);
    expect(await run.exitCode).toBe(0);
    const next = start();
    const login = await send('POST', `${await next.url}/api/v1/auth/login`, { body });
    if (answer?.status === 201) expect(login.status).toBe(200);
  });

  it('refuses a configuration that is wrong, in one line a variable', async () => {
    expect(await refusal({ PORT: 'x', LOG_LEVEL: 'loud' })).toBe(
      'aibrain: PORT must be a whole number from 0 to 65535, not "x"\n' +
        'aibrain: LOG_LEVEL must be one of silent, fatal, error, warn, info, debug, trace, not "loud"\n',
    );
    expect(await refusal({ NODE_ENV: 'production' })).toMatch(
      /^aibrain: JWT_SECRET must be set \(or JWT_KEYS\) when NODE_ENV is production: .*\n$/,
    );
  });

  it('refuses a data folder that another server has open', async () => {
    await start().url;
    expect(await refusal({})).toMatch(/^aibrain: the data folder .* is in use by process \d+: .*\n$/);
  });

  it('refuses a port that is taken, and lets go of its data folder', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? String(address.port) : '';
    expect(await refusal({ PORT: port })).toBe(
      `aibrain: port ${port} of 127.0.0.1 is in use: stop what listens there, or set PORT\n`,
    );
    taken.close();
    await start().url;
  });

  it('[SEC-4] refuses a database that cannot be reached, without its password', async () => {
    const error = await refusal({ DATABASE_URL: 'postgres://me:hunter2@127.0.0.1:1/none', DATABASE_WAIT_SECONDS: '0' });
    expect(error).toMatch(/^aibrain: the database \(the server of DATABASE_URL\) cannot be used: .*ECONNREFUSED\n$/);
    expect(error).not.toContain('hunter2');
  });

  it('[SEC-4] waits for a database that is not up yet, says so without its password, and can be stopped meanwhile', async () => {
    const run = start({ DATABASE_URL: 'postgres://me:hunter2@127.0.0.1:1/none', DATABASE_WAIT_SECONDS: '3600' });
    run.url.catch(() => undefined);
    const line = await run.firstLine;
    expect(JSON.parse(line)).toMatchObject({
      msg: 'the database does not answer; the start waits for it',
      databaseWaitSeconds: 3_600,
    });
    expect(line).not.toContain('hunter2');
    run.child.kill('SIGTERM');
    expect(await run.exitCode).toBe(143);
  });
});

function startProcess(env: Readonly<Record<string, string>>): Run {
  const child = spawn(process.execPath, [program], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = { out: '', err: '' };
  const exitCode = new Promise<number | null>((resolve) => child.once('close', resolve));
  const firstLine = once(createInterface(child.stdout), 'line').then(([line]) => String(line));
  const url = new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.out += text;
      const found = /listening on (\S+).*demo\n/s.exec(output.out)?.[1];
      if (found !== undefined) resolve(found);
    });
    void exitCode.then(() => reject(new Error(`it ended: ${output.err}`)));
  });
  url.catch(() => undefined);
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.err += text;
  });
  return { child, output, url, exitCode, firstLine };
}
