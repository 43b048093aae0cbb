import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clampHlc,
  compareHlc,
  hlcAfter,
  hlcToString,
  isHlc,
  maxAheadMs,
  maxHlcCount,
  maxHlcMs,
  observe,
  parseHlc,
  tick,
  zeroHlc,
} from '../../src/core/clock.ts';
import { hlcArb, timeArb } from '../support/arbitraries.ts';

const lastHlc = { ms: maxHlcMs, count: maxHlcCount };
const year1970 = { ms: 0, count: 0 };
const year2100 = { ms: Date.UTC(2100, 0, 1), count: 3 };
const nowMs = Date.UTC(2026, 1, 1);

/** The device's clock, also one that is broken. */
const nowArb = fc.oneof(timeArb, fc.integer({ min: -1e15, max: 1e15 }));

describe('hybrid logical clock', () => {
  it('[MRG-6] tick gives a stamp greater than the last, whatever the wall clock says', () => {
    fc.assert(
      fc.property(hlcArb, nowArb, (last, now) => {
        const next = tick(last, now);
        expect(isHlc(next)).toBe(true);
        expect(compareHlc(next, last)).toBeGreaterThan(0);
      }),
    );
  });

  it('[MRG-6] a wall clock that stands still or runs backwards still yields rising stamps', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 2 }), (times) => {
        let last = zeroHlc;
        for (const now of times) {
          const next = tick(last, now);
          expect(compareHlc(next, last)).toBeGreaterThan(0);
          expect(next.ms).toBeGreaterThanOrEqual(now);
          last = next;
        }
      }),
    );
  });

  it('[MRG-6] a full counter carries into the milliseconds', () => {
    expect(tick({ ms: 7, count: maxHlcCount }, 7)).toEqual({ ms: 8, count: 0 });
  });

  it('[MRG-6] the very last stamp is its own successor', () => {
    expect(hlcAfter(lastHlc)).toEqual(lastHlc);
    expect(tick(lastHlc, maxHlcMs + 1)).toEqual(lastHlc);
    expect(tick({ ms: maxHlcMs, count: 5 }, maxHlcMs + 1)).toEqual({ ms: maxHlcMs, count: 6 });
  });

  it('[MRG-6] seeing a stamp never moves the clock back, nor further than the bound', () => {
    fc.assert(
      fc.property(hlcArb, hlcArb, timeArb, (last, seen, now) => {
        const after = observe(last, seen, now);
        expect(compareHlc(after, last)).toBeGreaterThanOrEqual(0);
        expect(after.ms).toBeLessThanOrEqual(Math.max(last.ms, now + maxAheadMs));
        if (seen.ms <= now + maxAheadMs) expect(compareHlc(tick(after, now), seen)).toBeGreaterThan(0);
      }),
    );
  });

  it('[MRG-6] a clamped stamp is never more than the bound ahead, and one within the bound stays as it is', () => {
    fc.assert(
      fc.property(hlcArb, timeArb, (hlc, now) => {
        const clamped = clampHlc(hlc, now);
        expect(isHlc(clamped)).toBe(true);
        expect(clamped.ms).toBeLessThanOrEqual(now + maxAheadMs);
        if (hlc.ms <= now + maxAheadMs) expect(clamped).toEqual(hlc);
      }),
    );
  });

  it('[MRG-6] a clock of 1970 is taken as it is, one of 2100 is clamped to 60 s ahead', () => {
    expect(clampHlc(year1970, nowMs)).toEqual(year1970);
    expect(clampHlc(year2100, nowMs)).toEqual({ ms: nowMs + 60_000, count: 0 });
    expect(clampHlc({ ms: nowMs + 60_000, count: 9 }, nowMs)).toEqual({ ms: nowMs + 60_000, count: 9 });
  });

  it('[MRG-2] stamps are totally ordered', () => {
    fc.assert(
      fc.property(hlcArb, hlcArb, hlcArb, (a, b, c) => {
        expect(Math.sign(compareHlc(a, b)) + Math.sign(compareHlc(b, a))).toBe(0);
        expect(compareHlc(a, b) === 0).toBe(a.ms === b.ms && a.count === b.count);
        if (compareHlc(a, b) <= 0 && compareHlc(b, c) <= 0) expect(compareHlc(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });

  it('[SYN-1] a stamp survives its text form', () => {
    fc.assert(
      fc.property(hlcArb, (hlc) => {
        expect(parseHlc(hlcToString(hlc))).toEqual({ ok: true, value: hlc });
      }),
    );
  });

  it.each(['', '1', '-1-0', '1-', '1-65536', '281474976710656-0', '1.5-0', '1-0 ', ' 1-0', '1e3-0', '0x1-0', '١-0', '1-0\n'])(
    '[SEC-2] %j is no stamp',
    (text) => {
      expect(parseHlc(text).ok).toBe(false);
    },
  );
});
