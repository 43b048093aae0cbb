import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createFairLine } from '../../../src/server/admission/fair-line.ts';

interface Item {
  readonly key: number;
  readonly number: number;
  readonly cost: number;
}

const arrivals = fc
  .array(fc.record({ key: fc.integer({ min: 0, max: 5 }), cost: fc.integer({ min: 1, max: 12 }) }), { maxLength: 80 })
  .map((items) => items.map((item, number): Item => ({ ...item, number })));
const limits = fc
  .record({ share: fc.integer({ min: 1, max: 20 }), more: fc.integer({ min: 0, max: 40 }) })
  .map(({ share, more }) => ({ group: share + more, share }));

function filled(items: readonly Item[]) {
  const line = createFairLine<number, Item>();
  for (const item of items) line.push(item.key, item, item.cost);
  return line;
}

const costOf = (items: readonly Item[]): number => items.reduce((sum, { cost }) => sum + cost, 0);

it('[SEC-16] what waits for a group is taken once each, in its key’s order, and counted truly meanwhile', () => {
  fc.assert(
    fc.property(arrivals, limits, (items, { group, share }) => {
      const line = filled(items);
      const taken: Item[] = [];
      while (line.cost > 0) {
        const next = line.take(group, share);
        expect(next.length).toBeGreaterThan(0);
        taken.push(...next);
        const rest = items.filter((item) => !taken.includes(item));
        expect(line.cost).toBe(costOf(rest));
        for (const key of [0, 1, 2, 3, 4, 5]) expect(line.costOf(key)).toBe(costOf(rest.filter((item) => item.key === key)));
      }
      expect(new Set(taken).size).toBe(items.length);
      for (const key of [0, 1, 2, 3, 4, 5]) {
        const own = taken.filter((item) => item.key === key).map(({ number }) => number);
        expect(own).toEqual([...own].sort((a, b) => a - b));
      }
    }),
  );
});

it('[SEC-16] nobody has a second share of the log before everybody who waited has had one', () => {
  fc.assert(
    fc.property(arrivals, limits, (items, { group, share }) => {
      const line = filled(items);
      const waited = new Set(items.map(({ key }) => key));
      const served = new Set<number>();
      while (waited.size > served.size) {
        const next = line.take(group, share);
        const keys = new Set(next.map(({ key }) => key));
        // One share a group: without its last item each one is within it.
        for (const key of keys) {
          const own = next.filter((item) => item.key === key);
          expect(costOf(own.slice(0, -1))).toBeLessThan(share);
        }
        for (const key of keys) {
          const isFirst = !served.has(key);
          if (!isFirst) expect([...waited].filter((other) => !served.has(other) && !keys.has(other))).toEqual([]);
        }
        for (const key of keys) served.add(key);
      }
    }),
  );
});

it('[SEC-16] a hundred thousand of one key are taken in the time that they take, not in its square', () => {
  const line = createFairLine<string, number>();
  for (let number = 0; number < 100_000; number++) line.push('many', number, 1);
  line.push('one', -1, 1);
  expect(line.take(1_000, 160).at(-1)).toBe(-1);
  const rest: number[] = [];
  while (line.cost > 0) rest.push(...line.take(1_000, 160));
  expect(rest).toEqual(Array.from({ length: 100_000 - 160 }, (_, index) => 160 + index));
});
