/** The seeds of `npm test`, in two files so that two workers share them. `npm run sim` runs any number. */
import { expect } from 'vitest';
import { generate } from './generate.ts';
import { simulate } from './simulate.ts';

/** Seeds `first` … `first + count - 1`. A failure names them: `npm run sim -- --start <seed> --seeds 1` makes it short. */
export async function expectNoDefects(first: number, count: number): Promise<void> {
  const failed: string[] = [];
  for (let seed = first; seed < first + count; seed++) {
    const { defects } = await simulate(generate(seed, { minutes: 4 }));
    if (defects[0] !== undefined) failed.push(`seed ${seed}: ${defects[0].oracle}: ${defects[0].text}`);
  }
  expect(failed).toEqual([]);
}
