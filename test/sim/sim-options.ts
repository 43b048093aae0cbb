/** `npm run sim -- --seeds N --start S [--minutes M] [--jobs 2] [--only name,…] [--without name,…] [--trace]` */
import { parseArgs } from 'node:util';
import { type Scenario, scenarios } from './generate.ts';

export interface SimOptions {
  readonly seeds: number;
  readonly start: number;
  /** Virtual. */
  readonly minutes: number;
  readonly jobs: number;
  readonly only: readonly Scenario[] | null;
  readonly without: readonly Scenario[];
  readonly trace: boolean;
}

/** @throws Error with a text for people. */
export function parseSimOptions(args: readonly string[]): SimOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: 'string', default: '500' },
      start: { type: 'string', default: '1' },
      minutes: { type: 'string', default: '4' },
      jobs: { type: 'string', default: '2' },
      only: { type: 'string' },
      without: { type: 'string' },
      trace: { type: 'boolean', default: false },
    },
  });
  return {
    seeds: positive(values.seeds, '--seeds'),
    start: positive(values.start, '--start'),
    minutes: positive(values.minutes, '--minutes'),
    jobs: positive(values.jobs, '--jobs'),
    only: values.only === undefined ? null : names(values.only),
    without: values.without === undefined ? [] : names(values.without),
    trace: values.trace,
  };
}

function positive(text: string, name: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`${name} must be a number above 0`);
  return value;
}

function names(text: string): readonly Scenario[] {
  return text.split(',').map((name) => {
    const known = scenarios.find((scenario) => scenario === name);
    if (known === undefined) throw new Error(`there is no ${name}; there are ${scenarios.join(', ')}`);
    return known;
  });
}
