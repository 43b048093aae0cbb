/**
 * `npm run bench:scaling -- [--engine pglite|postgresql] [--quick] [--only events,sockets,users]
 * [--draw]`: cost against size, as
 * bench/results/scaling.json and docs/images/scaling.svg. With --quick, sizes divided by 20, it draws beside its result instead; --only
 * keeps the rest of the last result, and --draw all of it.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { createCleanup } from './cleanup.ts';
import { describeMachine } from './machine.ts';
import type { Engine } from './place.ts';
import { readPostgresVersion } from './postgres-version.ts';
import { scaleEvents } from './scaling/scale-events.ts';
import { scaleSockets } from './scaling/scale-sockets.ts';
import { scaleUsers } from './scaling/scale-users.ts';
import { chartOf } from './scaling/scaling-chart.ts';
import type { ScalingContext } from './scaling/scaling-context.ts';
import type { ScalingResult } from './scaling/scaling-result.ts';
import { createServerUnderTest } from './server-under-test.ts';
import { createStorage } from './storage.ts';

const root = join(import.meta.dirname, '../..');
const quickDivisor = 20;

const seriesNames = ['events', 'sockets', 'users'] as const;

const { values } = parseArgs({
  options: {
    engine: { type: 'string' },
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: seriesNames.join(',') },
    draw: { type: 'boolean', default: false },
  },
});
const adminUrl = process.env['TEST_DATABASE_URL'] ?? process.env['DATABASE_URL'];
const results = join(root, 'bench/results');
const files = values.quick
  ? { result: join(results, 'scaling-quick.json'), chart: join(results, 'scaling-quick.svg') }
  : { result: join(results, 'scaling.json'), chart: join(root, 'docs/images/scaling.svg') };
const cleanup = createCleanup();
process.once('SIGINT', async () => {
  await cleanup.runAll();
  process.exit(130);
});
try {
  await mkdir(results, { recursive: true });
  const asked = values.draw ? [] : toSeries(values.only);
  const kept = asked.length === seriesNames.length ? {} : (JSON.parse(await readFile(files.result, 'utf8')) as ScalingResult);
  const result = { ...kept, ...(asked.length > 0 && (await measure(toEngine(values.engine), asked))) } as ScalingResult;
  await writeFile(files.result, `${JSON.stringify(result, null, 2)}\n`);
  await writeFile(files.chart, chartOf(result));
  console.log([files.result, files.chart].map((file) => relative(root, file)).join('\n'));
} finally {
  await cleanup.runAll();
}

type SeriesName = (typeof seriesNames)[number];

async function measure(engine: Engine, asked: readonly SeriesName[]): Promise<Partial<ScalingResult>> {
  const startedAt = new Date().toISOString();
  const context: ScalingContext = {
    cleanup,
    ours: createServerUnderTest({ script: join(root, 'dist/src/server/main.js'), nodeArgs: [] }),
    newStorage: () => createStorage(cleanup, { engine, adminUrl, dataRoot: join(root, 'data') }),
    sized: (full) => Math.ceil(full / (values.quick ? quickDivisor : 1)),
    log: (point) => console.log(JSON.stringify(point)),
  };
  const series = {
    ...(asked.includes('events') && { events: await scaleEvents(context) }),
    ...(asked.includes('sockets') && { sockets: await scaleSockets(context) }),
    ...(asked.includes('users') && { users: await scaleUsers(context) }),
  };
  const machine = describeMachine(engine === 'postgresql' ? await readPostgresVersion(adminUrl) : null);
  return { startedAt, endedAt: new Date().toISOString(), machine, engine, ...series };
}

function toSeries(only: string): readonly SeriesName[] {
  const names = only.split(',');
  for (const name of names)
    if (!seriesNames.some((known) => known === name)) throw new Error(`--only knows ${seriesNames.join(', ')}; not ${name}`);
  return seriesNames.filter((name) => names.includes(name));
}

function toEngine(engine: string | undefined): Engine {
  if (engine === undefined) return adminUrl === undefined ? 'pglite' : 'postgresql';
  if (engine !== 'pglite' && engine !== 'postgresql') throw new Error('--engine is pglite or postgresql');
  return engine;
}
