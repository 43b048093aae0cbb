import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createFrameBudget, type FrameRates } from '../../../src/server/edge/frame-budget.ts';

const rates: FrameRates = { framesPerSecond: 10, bytesPerSecond: 1_000, burstSeconds: 2, debtSeconds: 3, floodSeconds: 5 };

it('[SEC-3] a socket may send a burst, then its rate, and never owes more than some seconds', () => {
  const budget = createFrameBudget(rates, 0);
  for (let i = 0; i < 20; i++) budget.spend(1, 0);
  expect(budget.isSpent(0)).toBe(false);
  budget.spend(1, 0);
  expect([budget.isSpent(0), budget.isSpent(99), budget.isSpent(101)]).toEqual([true, true, false]);
  for (let i = 0; i < 10_000; i++) budget.spend(1, 101);
  expect([budget.isSpent(3_100), budget.isSpent(3_102)]).toEqual([true, false]);
});

it('[SEC-3] bytes count beside frames', () => {
  const budget = createFrameBudget(rates, 0);
  budget.spend(2_500, 0);
  expect([budget.isSpent(499), budget.isSpent(500)]).toEqual([true, false]);
});

it('[SEC-3] who is over the rate all the time floods, who is now and then does not', () => {
  const flood = createFrameBudget(rates, 0);
  const seconds = Array.from({ length: 60 }, (_, second) => second * 1_000);
  const found = seconds.findIndex((now) => {
    for (let i = 0; i < 100; i++) flood.spend(1, now);
    return flood.isFlood(now);
  });
  expect(found).toBe(rates.floodSeconds);
  const bursts = createFrameBudget(rates, 0);
  expect(
    seconds.some((now) => {
      if (now % 6_000 === 0) for (let i = 0; i < 30; i++) bursts.spend(1, now);
      return bursts.isFlood(now);
    }),
  ).toBe(false);
});

it('[SEC-3] over any time no more is taken than the burst and the rate, when what is spent is not read', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ ms: fc.nat(400), frames: fc.nat(8) }), { maxLength: 200 }), (steps) => {
      const budget = createFrameBudget({ ...rates, bytesPerSecond: 1e9 }, 0);
      let now = 0;
      let taken = 0;
      for (const { ms, frames } of steps) {
        now += ms;
        for (let i = 0; i < frames && !budget.isSpent(now); i++) {
          budget.spend(1, now);
          taken++;
        }
        expect(taken).toBeLessThanOrEqual(rates.framesPerSecond * (rates.burstSeconds + now / 1_000) + 1);
      }
    }),
  );
});
