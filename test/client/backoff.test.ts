import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffMs, defaultBackoff } from '../../src/client/backoff.ts';

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

it('[SYN-10] a wait is bounded, and grows with the failures before it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000 }), random, (attempt, dice) => {
      const ms = backoffMs(attempt, dice);
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThanOrEqual(defaultBackoff.maxMs);
      expect(ms).toBeLessThanOrEqual(backoffMs(attempt + 1, dice));
    }),
  );
});

it('[SEC-16] a server that names a time is left alone for it, and devices do not come back together', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), random, fc.integer({ min: 1, max: 600_000 }), (attempt, dice, leastMs) => {
      const ms = backoffMs(attempt, dice, { ...defaultBackoff, leastMs });
      expect(ms).toBeGreaterThanOrEqual(leastMs);
      expect(ms).toBeLessThanOrEqual(Math.max(defaultBackoff.maxMs, 1.5 * leastMs + 1));
    }),
  );
  const first = backoffMs(1, 0.1, { ...defaultBackoff, leastMs: 10_000 });
  expect(backoffMs(1, 0.9, { ...defaultBackoff, leastMs: 10_000 })).toBeGreaterThan(first + 3_000);
});
