import { describe, expect, it } from 'vitest';
import { generate } from './generate.ts';
import { simulate } from './simulate.ts';

describe('a run', () => {
  it.each([3, 14, 159, 265])('[house] is a pure function of its seed: %i twice gives the same trace', async (seed) => {
    const schedule = generate(seed, { minutes: 4 });
    const [once, again] = [await simulate(schedule, { keepsTrace: true }), await simulate(schedule, { keepsTrace: true })];
    expect(once.trace.length).toBeGreaterThan(100);
    expect(again.trace).toEqual(once.trace);
  });

  it('[house] the same seed gives the same schedule', () => {
    expect(generate(7, { minutes: 4 })).toEqual(generate(7, { minutes: 4 }));
    expect(generate(8, { minutes: 4 })).not.toEqual(generate(7, { minutes: 4 }));
  });
});
