/** What the doctor finds in settings, process, data folder and providers: each well, and each broken. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkRuntime } from '../../../src/server/doctor/check-runtime.ts';
import { runChecks } from '../../../src/server/doctor/run-checks.ts';
import type { Database } from '../../../src/server/infra/database.ts';
import { openEmbedded } from '../../../src/server/infra/embedded.ts';
import { migrate } from '../../../src/server/infra/migrate.ts';
import { complaints, diagnose, gather, messagesOf } from '../../support/doctor.ts';
import { letterVector } from '../../support/embedding-server.ts';
import { migrationsFolder } from '../../support/migrations.ts';
import { type OpenAiServer, startOpenAiServer } from '../../support/openai-server.ts';

const goodSecret = 'pX3vQ8mZtR1nYw5sKd7fGh2jLc9bVa4e';

describe('the doctor', () => {
  let empty: string;
  beforeAll(() => {
    empty = mkdtempSync(join(tmpdir(), 'aibrain-doctor-'));
  });
  afterAll(() => rmSync(empty, { recursive: true, force: true }));

  describe('on settings', () => {
    it('has nothing to say against the defaults', async () => {
      expect(complaints(await diagnose({ DATA_DIR: empty }))).toEqual([]);
    });

    it('names every wrong value, as a start would', async () => {
      const found = await diagnose({ DATABASE_POOL_SIZE: 'many', DATABASE_URL: 'mysql://u:hunter2@db' });
      expect(found.map(({ state }) => state)).toEqual(['fail', 'fail']);
      expect(JSON.stringify(found)).toContain('DATABASE_POOL_SIZE');
      expect(JSON.stringify(found)).not.toContain('hunter2');
    });

    it.each(['a secret that is long enough for a test', 'abababababababababababababababababab'])(
      'warns of a secret that could be guessed: %s',
      async (secret) => {
        const found = await diagnose({ DATA_DIR: empty, JWT_SECRET: secret });
        expect(complaints(found, 'configuration')).toEqual([expect.stringMatching(/^warn: JWT_SECRET looks like/)]);
        expect(JSON.stringify(found)).not.toContain(secret);
      },
    );

    it('looks at what production needs, in production alone', async () => {
      const env = { DATA_DIR: empty, JWT_SECRET: goodSecret, LOG_LEVEL: 'debug' };
      expect(complaints(await diagnose(env), 'configuration')).toEqual([]);
      const found = complaints(await diagnose({ ...env, NODE_ENV: 'production' }), 'configuration').join('\n');
      for (const word of ['embedded database', 'TRUST_PROXY', 'LOG_LEVEL']) expect(found).toContain(word);
    });
  });

  describe('on the process', () => {
    const runtime = { nodeFrom: [20, 12], nodeVersion: '20.20.2', port: 0, host: '127.0.0.1', handles: 10 } as const;
    const statesOf = async (changed: object) =>
      Array.from(await checkRuntime({ ...runtime, ...changed }).run(), ({ check, state }) => `${check} ${state}`);

    it('takes the Node it is made for, a free port and enough file handles', async () => {
      expect(await statesOf({})).toEqual(expect.arrayContaining(['node ok', 'port ok']));
    });

    it.each(['18.20.0', '20.11.1'])('refuses Node %s', async (nodeVersion) => {
      expect(await statesOf({ nodeVersion })).toContain('node fail');
    });

    it.each(['20.12.0', '22.0.0', '24.1.0'])('takes Node %s', async (nodeVersion) => {
      expect(await statesOf({ nodeVersion })).toContain('node ok');
    });

    it('says that the port is taken, or the address not of this machine', async () => {
      const taken = createServer();
      await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
      const { port } = taken.address() as AddressInfo;
      expect(await statesOf({ port })).toContain('port warn');
      await new Promise((resolve) => taken.close(resolve));
      expect(await statesOf({ host: '192.0.2.1' })).toContain('port fail');
    });

    it.runIf(process.platform === 'linux')('warns of too few file handles', async () => {
      expect(await statesOf({ handles: 2 ** 40 })).toContain('file handles warn');
    });
  });

  describe('on the data folder', () => {
    it('refuses a folder that is a file, or cannot be made', async () => {
      const file = join(empty, 'file');
      writeFileSync(file, '');
      expect(complaints(await diagnose({ DATA_DIR: join(file, 'data') }), 'data folder')).toEqual([
        expect.stringMatching(/^fail: .* cannot be made in/),
      ]);
    });

    it('looks into the database, and leaves it as it was', async () => {
      const dataDir = mkdtempSync(join(tmpdir(), 'aibrain-doctor-db-'));
      let db: Database = await openEmbedded({ dataDir });
      await db.close();
      const before = await diagnose({ DATA_DIR: dataDir });
      expect(complaints(before)).toEqual([expect.stringMatching(/^warn: the schema is 0 of \d+$/)]);
      db = await openEmbedded({ dataDir });
      await migrate(db, migrationsFolder);
      await db.close();
      const found = await diagnose({ DATA_DIR: dataDir });
      expect(complaints(found)).toEqual([]);
      expect(messagesOf(found, 'database').join()).toContain('PGlite');
      expect(messagesOf(found, 'extension').join()).toContain('pgvector');
      expect(messagesOf(found, 'write')).toEqual(['a row was written and taken back']);
      db = await openEmbedded({ dataDir });
      expect(await db.query('select email from accounts')).toEqual([]);
      await db.query("insert into schema_migrations values (9999, 'later', '', now())");
      const whileOpen = await diagnose({ DATA_DIR: dataDir });
      expect(complaints(whileOpen)).toEqual([expect.stringContaining('in use by another process')]);
      await db.close();
      expect(complaints(await diagnose({ DATA_DIR: dataDir }))).toEqual([expect.stringMatching(/^fail: the schema is 9999/)]);
      rmSync(dataDir, { recursive: true, force: true });
    }, 120_000);

    it('says that the clocks are apart', async () => {
      const dataDir = mkdtempSync(join(tmpdir(), 'aibrain-doctor-clock-'));
      await (await openEmbedded({ dataDir })).close();
      const at = (ms: number) => diagnose({ DATA_DIR: dataDir }, { now: () => Date.now() + ms });
      expect(complaints(await at(5_000), 'clock')).toEqual([expect.stringMatching(/^warn: .* ms apart$/)]);
      expect(complaints(await at(-120_000), 'clock')).toEqual([expect.stringMatching(/^fail: .* ms apart$/)]);
      rmSync(dataDir, { recursive: true, force: true });
    }, 120_000);
  });

  describe('on providers', () => {
    let vendor: OpenAiServer;
    let env: Readonly<Record<string, string>>;
    beforeAll(async () => {
      vendor = await startOpenAiServer();
      env = { DATA_DIR: empty, OPENAI_BASE_URL: vendor.url, OPENAI_API_KEY: 'sk-the-key', EXTRACTION_TIMEOUT_SECONDS: '5' };
    });
    afterAll(() => vendor?.[Symbol.asyncDispose]());

    it('asks each once for real', async () => {
      vendor.onEmbedding = () => letterVector('abcdefgh', 8);
      vendor.onChat = () => ({ says: { color: 'blue' } });
      const found = await diagnose(env);
      expect(complaints(found)).toEqual([]);
      expect(messagesOf(found, 'embedding')).toEqual([
        expect.stringMatching(/^text-embedding-3-small gave a vector of 8 numbers/),
      ]);
      expect(messagesOf(found, 'extraction')).toEqual([expect.stringContaining('in the shape that was asked for')]);
    });

    it('tells a model without structured output from a provider that refuses', async () => {
      vendor.onEmbedding = () => letterVector('abcdefgh', 8);
      vendor.onChat = () => ({ text: 'Blue, of course.' });
      expect(complaints(await diagnose(env), 'extraction')).toEqual([expect.stringContaining('in another shape')]);
      vendor.onChat = () => ({ status: 401 });
      const found = await diagnose(env);
      expect(complaints(found, 'extraction')).toEqual([expect.stringContaining('status 401')]);
      expect(JSON.stringify(found)).not.toMatch(/sk-the-key|a secret of the vendor/);
    });

    it('says that there are no vectors to be had', async () => {
      vendor.onEmbedding = null;
      vendor.onChat = () => ({ says: { color: 'blue' } });
      expect(complaints(await diagnose(env))).toEqual([
        expect.stringContaining('fail: text-embedding-3-small: answered with 404'),
      ]);
      vendor.onEmbedding = () => new Array<number>(8).fill(0);
      expect(complaints(await diagnose(env))).toEqual([expect.stringContaining('a vector of zeros')]);
    });

    it('says that a model is named which nobody here can have', async () => {
      const found = await diagnose({ DATA_DIR: empty, EMBEDDING_MODEL: 'text-embedding-3-large' });
      expect(complaints(found)).toEqual([expect.stringContaining('needs OPENAI_API_KEY or OPENAI_BASE_URL')]);
    });
  });

  it('a check that does not come to an end fails, and the next is run', async () => {
    const never = { name: 'one', boundMs: 20, run: () => new Promise<never>(() => {}) };
    const next = { name: 'two', boundMs: 1_000, run: async () => [{ check: 'two', state: 'ok', message: 'well' } as const] };
    const found = await gather(runChecks([never, next], []));
    expect(found.map(({ check, state }) => `${check} ${state}`)).toEqual(['one fail', 'two ok']);
  });

  it('[SEC-4] a secret in a message is not shown', async () => {
    const leaky = { name: 'one', boundMs: 1_000, run: () => Promise.reject(new Error('no entry for hunter2 at the door')) };
    const found = await gather(runChecks([leaky], ['hunter2']));
    expect(found[0]?.message).toBe('no entry for [redacted] at the door');
  });

  it('is a command: a line each, JSON where it is asked for, and an exit code', async () => {
    const program = join(import.meta.dirname, '../../../dist/src/server/cli.js');
    const run = (args: readonly string[], env: Readonly<Record<string, string>>) =>
      promisify(execFile)(process.execPath, [program, 'doctor', ...args], {
        env: { PATH: process.env['PATH'], PORT: '0', ...env },
      });
    const { stdout } = await run([], { DATA_DIR: empty });
    expect(stdout).toMatch(/^ok {4}configuration /m);
    expect(stdout).toMatch(/\d+ ok, 0 to look at, 0 failed\n$/);
    const broken = run(['--json'], { DATABASE_URL: 'postgres://nobody:hunter2@127.0.0.1:1/none' });
    const { code, stdout: json } = await broken.then(
      (done) => ({ ...done, code: 0 }),
      (error: { readonly code: number; readonly stdout: string }) => error,
    );
    expect(code).toBe(1);
    expect(JSON.parse(json)).toMatchObject({
      ok: false,
      findings: expect.arrayContaining([expect.objectContaining({ state: 'fail' })]),
    });
    expect(json).not.toContain('hunter2');
  });
});
