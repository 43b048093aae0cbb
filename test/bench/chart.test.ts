import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawChart, type Panel } from '../../bench/scaling/chart.ts';

const panelOf = (points: Panel['series'][number]['points'], name = 'p50'): Panel => ({
  title: 'latency',
  unit: 'ms',
  sizeName: 'events',
  series: [{ name, points }],
});

const pointsOf = fc.uniqueArray(
  fc.record({ size: fc.integer({ min: 1, max: 1_000_000 }), value: fc.double({ min: 0, max: 1e9, noNaN: true }) }),
  { selector: ({ size }) => size, minLength: 2, maxLength: 8 },
);

describe('the chart', () => {
  it('[house] shows every point inside of its panel, and writes no number that is none', () => {
    fc.assert(
      fc.property(pointsOf, (points) => {
        const svg = drawChart('cost', 'here', [panelOf(points)]);
        const at = [...svg.matchAll(/cx="([^"]+)" cy="([^"]+)"/g)].map(([, x, y]) => ({ x: Number(x), y: Number(y) }));
        expect(at).toHaveLength(points.length);
        for (const { x, y } of at) {
          expect(x).toBeGreaterThanOrEqual(0);
          expect(x).toBeLessThanOrEqual(360);
          expect(y).toBeGreaterThanOrEqual(0);
          expect(y).toBeLessThanOrEqual(220);
        }
        expect(svg).not.toMatch(/NaN|Infinity/);
      }),
    );
  });

  it('[house] refuses a value that is no number in place of leaving it out', () => {
    expect(() => drawChart('cost', 'here', [panelOf([{ size: 1, value: Number.NaN }])])).toThrow(RangeError);
    expect(() => drawChart('cost', 'here', [panelOf([{ size: 0, value: 1 }])])).toThrow(RangeError);
  });

  it('[house] takes no name for markup', () => {
    const svg = drawChart('a < b', 'x & y', [
      panelOf(
        [
          { size: 1, value: 1 },
          { size: 2, value: 2 },
        ],
        '<script>',
      ),
    ]);
    expect(svg).not.toContain('<script>');
    expect(svg).toContain('a &lt; b');
    expect(svg).toContain('x &amp; y');
  });
});
