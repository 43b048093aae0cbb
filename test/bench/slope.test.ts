import fc from 'fast-check';
import { expect, it } from 'vitest';
import { slopeOf } from '../../bench/statistics.ts';

it('[house] the slope of points on a line is that of the line, and of one point there is none', () => {
  const number = fc.integer({ min: -1_000, max: 1_000 });
  fc.assert(
    fc.property(number, number, fc.uniqueArray(number, { minLength: 2 }), (slope, start, xs) => {
      expect(slopeOf(xs.map((x) => ({ x, y: start + slope * x })))).toBeCloseTo(slope, 6);
    }),
  );
  expect(slopeOf([{ x: 1, y: 5 }])).toBeNull();
});
