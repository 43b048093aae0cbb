import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { benchmarks } from './benchmarks.ts';
import type { Engine } from './place.ts';

export interface BenchOptions {
  readonly engines: readonly Engine[];
  /** Names of benchmarks; null: all of them. */
  readonly only: ReadonlySet<string> | null;
  readonly rounds: number;
  /** Sizes are divided by it. */
  readonly divisor: number;
  readonly isBaselineOnly: boolean;
  readonly adminUrl: string | undefined;
  readonly nodeArgs: readonly string[];
  /** The script of the server under test. */
  readonly server: string;
}

const quickDivisor = 20;

/** @throws Error when something is not known or cannot be. */
export function parseOptions(args: readonly string[], env: NodeJS.ProcessEnv): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      engine: { type: 'string' },
      only: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      quick: { type: 'boolean', default: false },
      'baseline-only': { type: 'boolean', default: false },
      'node-args': { type: 'string', default: '' },
      server: { type: 'string', default: join(import.meta.dirname, '../src/server/main.js') },
    },
  });
  const adminUrl = env['TEST_DATABASE_URL'] ?? env['DATABASE_URL'];
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds must be a whole number from 1 on');
  return {
    engines: toEngines(values.engine, adminUrl),
    only: values.only === undefined ? null : toNames(values.only),
    rounds,
    divisor: values.quick ? quickDivisor : 1,
    isBaselineOnly: values['baseline-only'],
    adminUrl,
    nodeArgs: values['node-args'].split(' ').filter((arg) => arg !== ''),
    server: values.server,
  };
}

function toEngines(engine: string | undefined, adminUrl: string | undefined): readonly Engine[] {
  if (engine === undefined) return adminUrl === undefined ? ['pglite'] : ['pglite', 'postgresql'];
  if (engine !== 'pglite' && engine !== 'postgresql') throw new Error('--engine is pglite or postgresql');
  if (engine === 'postgresql' && adminUrl === undefined) throw new Error('PostgreSQL needs TEST_DATABASE_URL or DATABASE_URL');
  return [engine];
}

function toNames(only: string): ReadonlySet<string> {
  const known = benchmarks.map(({ name }) => name);
  const names = new Set(only.split(','));
  for (const name of names) if (!known.includes(name)) throw new Error(`--only knows ${known.join(', ')}; not ${name}`);
  return names;
}
