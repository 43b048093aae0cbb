import { parseArgs } from 'node:util';

export interface SoakOptions {
  readonly minutes: number;
  /** Between two kills. */
  readonly killEverySeconds: number;
  readonly seed: number;
  readonly users: number;
  readonly devicesPerUser: number;
  readonly nodeArgs: readonly string[];
  /** Something is broken in the database before it is looked at: the soak has to find it. */
  readonly sabotage: Sabotage | null;
}

export const sabotages = ['drop', 'alter'] as const;

export type Sabotage = (typeof sabotages)[number];

/** @throws Error when something is not known or cannot be. */
export function parseSoakOptions(args: readonly string[]): SoakOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '30' },
      'kill-every': { type: 'string', default: '150' },
      seed: { type: 'string', default: '1' },
      users: { type: 'string', default: '8' },
      devices: { type: 'string', default: '3' },
      'node-args': { type: 'string', default: '' },
      sabotage: { type: 'string' },
    },
  });
  return {
    minutes: toNumber('minutes', values.minutes),
    killEverySeconds: toNumber('kill-every', values['kill-every']),
    seed: toNumber('seed', values.seed),
    users: toNumber('users', values.users),
    devicesPerUser: toNumber('devices', values.devices),
    nodeArgs: values['node-args'].split(' ').filter((arg) => arg !== ''),
    sabotage: values.sabotage === undefined ? null : toSabotage(values.sabotage),
  };
}

function toNumber(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--${name} must be a number above 0`);
  return value;
}

function toSabotage(text: string): Sabotage {
  const found = sabotages.find((name) => name === text);
  if (found === undefined) throw new Error(`--sabotage is ${sabotages.join(' or ')}`);
  return found;
}
