/** `npm run bench -- [--engine pglite|postgresql] [--only name,…] [--rounds n] [--quick] [--baseline-only]` */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchContext } from './benchmark.ts';
import { benchmarks } from './benchmarks.ts';
import { type Cleanup, createCleanup } from './cleanup.ts';
import { describeMachine } from './machine.ts';
import { type BenchOptions, parseOptions } from './options.ts';
import type { Engine } from './place.ts';
import { readPostgresVersion } from './postgres-version.ts';
import { relay } from './relay.ts';
import { formatRow, type Row, tableHead, toRow } from './report.ts';
import { createServerUnderTest } from './server-under-test.ts';
import { createStorage } from './storage.ts';

const root = join(import.meta.dirname, '../..');

const options = parseOptions(process.argv.slice(2), process.env);
const cleanup = createCleanup();
process.once('SIGINT', async () => {
  await cleanup.runAll();
  process.exit(130);
});

console.log(tableHead);
const startedAt = new Date();
const rows: Row[] = [];
const failures: string[] = [];
for (const engine of options.engines) {
  for (const { name, run } of benchmarks.filter((benchmark) => options.only?.has(benchmark.name) ?? true)) {
    try {
      for (const figure of await run(createContext(engine, options, cleanup))) {
        const row = toRow(engine, figure);
        rows.push(row);
        console.log(formatRow(row));
      }
    } catch (error) {
      failures.push(`${name} on ${engine}: ${error instanceof Error ? error.stack : String(error)}`);
      console.error(failures.at(-1));
    }
    await cleanup.runAll();
  }
}
await save();
if (failures.length > 0) process.exitCode = 1;

function createContext(engine: Engine, options: BenchOptions, cleanup: Cleanup): BenchContext {
  const { rounds, divisor, adminUrl, nodeArgs, server, isBaselineOnly } = options;
  return {
    engine,
    rounds,
    cleanup,
    nodeArgs,
    relay,
    ours: isBaselineOnly ? null : createServerUnderTest({ script: server, nodeArgs }),
    sized: (full) => Math.ceil(full / divisor),
    newStorage: () => createStorage(cleanup, { engine, adminUrl, dataRoot: join(root, 'data') }),
  };
}

async function save(): Promise<void> {
  const folder = join(root, 'bench/results');
  await mkdir(folder, { recursive: true });
  const { rounds, divisor } = options;
  const machine = describeMachine(options.engines.includes('postgresql') ? await readPostgresVersion(options.adminUrl) : null);
  const file = `${startedAt.toISOString().replace(/[:.]/g, '-')}.json`;
  const result = { startedAt, endedAt: new Date(), machine, rounds, divisor, rows, failures };
  await writeFile(join(folder, file), `${JSON.stringify(result, null, 2)}\n`);
  console.log(`\nbench/results/${file}`);
}
