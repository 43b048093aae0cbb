import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openEmbedded } from '../../../src/server/infra/embedded.ts';
import { createTestFolder } from '../../support/databases-pglite.ts';
import { type ChildProgram, compileEmbeddedChild, startEmbeddedProcess } from '../../support/embedded-process.ts';

const canTrace = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;

describe('openEmbedded in another process', { timeout: 60_000 }, () => {
  let program: ChildProgram;
  let dataDir: string;
  beforeAll(() => {
    program = compileEmbeddedChild();
  }, 60_000);
  afterAll(() => program[Symbol.dispose]());
  beforeEach(async () => {
    dataDir = await createTestFolder();
  }, 60_000); // the first on this machine makes the template
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  it('[DB-9] a folder that another process has open is refused, and free once that process is dead', async () => {
    const child = startEmbeddedProcess(program, [dataDir]);
    await child.said('open\n');
    await expect(openEmbedded({ dataDir })).rejects.toThrow(/is in use by process \d+: stop that server first/);
    await child.kill();
    await (await openEmbedded({ dataDir })).close();
  });

  it('[DB-11] every acknowledged row is there after kill -9', async () => {
    const child = startEmbeddedProcess(program, [dataDir, '1000000']);
    await child.said('ack 500\n');
    const acknowledged = (await child.kill()).filter((line) => line.startsWith('ack ')).length;
    const db = await openEmbedded({ dataDir });
    const [row] = await db.query<{ n: number }>('select count(*) as n from rows where id <= $1::int', [acknowledged]);
    expect(row?.n).toBe(acknowledged);
    await db.close();
  });

  it('[DB-10] killed during its first start, the next start works', async () => {
    rmSync(join(dataDir, 'postgres'), { recursive: true });
    const child = startEmbeddedProcess(program, [dataDir]);
    while (!existsSync(join(dataDir, 'postgres.new', 'base')) && !existsSync(join(dataDir, 'postgres'))) await turn();
    await child.kill();
    const db = await openEmbedded({ dataDir });
    expect(await db.query('select 1 as one')).toStrictEqual([{ one: 1 }]);
    await db.close();
  });

  it.skipIf(!canTrace)('[DB-11] an fsync lies between a commit and its acknowledgement', async () => {
    const trace = join(dataDir, 'trace');
    const tracer = ['strace', '-f', '-o', trace, '-e', 'trace=fdatasync,fsync,write'];
    const child = startEmbeddedProcess(program, [dataDir, '40'], tracer);
    await child.said('ack 40\n');
    await child.kill();
    const [, ...commits] = readFileSync(trace, 'utf8').split(/write\(2, "(?:open|ack \d+)\\n"/);
    const synced = commits.slice(0, 40).map((calls) => /fdatasync\(\d+\) += 0/.test(calls));
    expect(synced).toStrictEqual(Array.from({ length: 40 }, () => true));
  });
});

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
