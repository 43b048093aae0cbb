import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ClockOrder, compareClocks, hasSeen, joinClocks, type VectorClock, withDot } from '../../src/core/vector-clock.ts';

/** Few devices and small counters, zero among them: it means the same as absence. */
const clockArb: fc.Arbitrary<VectorClock> = fc
  .uniqueArray(fc.tuple(fc.nat(3), fc.nat(3)), { selector: ([device]) => device })
  .map((entries) => new Map(entries));

const isUpTo = (a: VectorClock, b: VectorClock) => ['equal', 'before'].includes(compareClocks(a, b));

const mirror: Readonly<Record<ClockOrder, ClockOrder>> = {
  equal: 'equal',
  before: 'after',
  after: 'before',
  concurrent: 'concurrent',
};

describe('vector clocks', () => {
  it('[LOG-5] the join is the least clock that has seen both', () => {
    fc.assert(
      fc.property(clockArb, clockArb, clockArb, (a, b, other) => {
        const joined = joinClocks(a, b);
        expect(isUpTo(a, joined) && isUpTo(b, joined)).toBe(true);
        if (isUpTo(a, other) && isUpTo(b, other)) expect(isUpTo(joined, other)).toBe(true);
      }),
    );
  });

  it('[LOG-5] joining is commutative, associative and idempotent', () => {
    fc.assert(
      fc.property(clockArb, clockArb, clockArb, (a, b, c) => {
        expect(compareClocks(joinClocks(a, b), joinClocks(b, a))).toBe('equal');
        expect(compareClocks(joinClocks(joinClocks(a, b), c), joinClocks(a, joinClocks(b, c)))).toBe('equal');
        expect(joinClocks(a, a)).toEqual(a);
      }),
    );
  });

  it('[LOG-5] clocks are partially ordered', () => {
    fc.assert(
      fc.property(clockArb, clockArb, clockArb, (a, b, c) => {
        expect(compareClocks(a, a)).toBe('equal');
        expect(compareClocks(b, a)).toBe(mirror[compareClocks(a, b)]);
        if (isUpTo(a, b) && isUpTo(b, c)) expect(isUpTo(a, c)).toBe(true);
      }),
    );
  });

  it('[LOG-5] a clock with a dot has seen that dot and all earlier ones of the device, and nothing else is new', () => {
    fc.assert(
      fc.property(clockArb, fc.nat(3), fc.integer({ min: 1, max: 4 }), (clock, device, counter) => {
        const next = withDot(clock, { device, counter });
        for (let earlier = 1; earlier <= counter; earlier++) expect(hasSeen(next, { device, counter: earlier })).toBe(true);
        expect(compareClocks(next, joinClocks(clock, new Map([[device, counter]])))).toBe('equal');
      }),
    );
  });

  it('[LOG-5] two devices that have not seen each other are concurrent', () => {
    expect(compareClocks(new Map([[1, 2]]), new Map([[2, 1]]))).toBe('concurrent');
  });
});
