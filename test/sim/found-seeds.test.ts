/**
 * What the simulator has found, each as the shortest schedule that showed it: kept as data, since a seed makes another
 * schedule once the generator changes. Each failed on the commit before its fix.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Schedule } from './schedule.ts';
import { simulate } from './simulate.ts';

interface Found {
  /** What went wrong then. */
  readonly was: string;
  readonly schedule: Schedule;
}

const folder = join(import.meta.dirname, 'found');
const found = readdirSync(folder).map((file) => ({ file, ...(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Found) }));

describe('found once', () => {
  it.each(found)('[house] $file: $was', async ({ schedule }) => {
    const { defects } = await simulate(schedule);
    expect(defects).toEqual([]);
  });
});
