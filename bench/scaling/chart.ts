/** Small multiples as one SVG: a panel for each question, lines over a logarithmic size. Colours follow the reader's light or dark scheme. */
import { scaleLinear, scaleLog } from 'd3-scale';
import { line } from 'd3-shape';

export interface Panel {
  readonly title: string;
  readonly unit: string;
  /** Of the horizontal axis. */
  readonly sizeName: string;
  readonly series: readonly Series[];
}

export interface Series {
  readonly name: string;
  readonly points: readonly { readonly size: number; readonly value: number }[];
}

const panelSize = { width: 360, height: 220 } as const;
const margin = { top: 34, right: 92, bottom: 40, left: 48 } as const;
const columns = 2;
const headerHeight = 46;
const labelHeight = 13;

const style = `
  svg { background: var(--paper); font: 11px system-ui, sans-serif }
  svg { --paper: #ffffff; --ink: #1f2328; --faint: #59636e; --grid: #d1d9e0; --s0: #0969da; --s1: #bc4c00; --s2: #1a7f37 }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0d1117; --ink: #f0f6fc; --faint: #9198a1; --grid: #3d444d; --s0: #4493f8; --s1: #f0883e; --s2: #3fb950 }
  }
  text { fill: var(--faint) } .title { fill: var(--ink); font-weight: 600; font-size: 12px } .head { fill: var(--ink); font-weight: 600; font-size: 14px }
  .grid { stroke: var(--grid); stroke-width: 1 } .line { fill: none; stroke-width: 2 }
  ${[0, 1, 2].map((n) => `.line.s${n} { stroke: var(--s${n}) } circle.s${n}, text.s${n} { fill: var(--s${n}) }`).join(' ')}
`;

/** @throws RangeError when a value is no number: a chart would leave it out, and nobody would see that it is missing. */
export function drawChart(title: string, subtitle: string, panels: readonly Panel[]): string {
  const width = panelSize.width * columns;
  const height = headerHeight + panelSize.height * Math.ceil(panels.length / columns);
  const drawn = panels.map((panel, index) => {
    const [x, y] = [(index % columns) * panelSize.width, headerHeight + Math.floor(index / columns) * panelSize.height];
    return `<g transform="translate(${x} ${y})">${drawPanel(panel)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${toXml(title)}">
<style>${style}</style>
<rect width="${width}" height="${height}" fill="var(--paper)"/>
<text class="head" x="${margin.left}" y="20">${toXml(title)}</text><text x="${margin.left}" y="36">${toXml(subtitle)}</text>
${drawn.join('\n')}
</svg>
`;
}

function drawPanel({ title, unit, sizeName, series }: Panel): string {
  const points = series.flatMap((each) => each.points);
  if (points.some(({ size, value }) => !(size > 0 && Number.isFinite(value))))
    throw new RangeError(`${title} has a value that is no number`);
  const sizes = points.map(({ size }) => size);
  const [left, right] = [margin.left, panelSize.width - margin.right];
  const [top, bottom] = [margin.top, panelSize.height - margin.bottom];
  const x = scaleLog([Math.min(...sizes), Math.max(...sizes)], [left, right]);
  const y = scaleLinear([0, Math.max(...points.map(({ value }) => value)) * 1.05 || 1], [bottom, top]).nice(4);
  const rows = y.ticks(4).map((tick) => {
    const at = round(y(tick));
    const label = `<text x="${left - 6}" y="${at + 4}" text-anchor="end">${tick.toLocaleString('en-US')}</text>`;
    return `<line class="grid" x1="${left}" x2="${right}" y1="${at}" y2="${at}"/>${label}`;
  });
  const marks = [...new Set(sizes)].map(
    (size) => `<text x="${round(x(size))}" y="${bottom + 16}" text-anchor="middle">${formatSize(size)}</text>`,
  );
  const labelAt = spread(series.map((each) => y(each.points.at(-1)?.value ?? 0)));
  const lines = series.map((each, index) => {
    const path = line<Series['points'][number]>(
      ({ size }) => round(x(size)),
      ({ value }) => round(y(value)),
    )(each.points);
    const dots = each.points.map(
      ({ size, value }) => `<circle class="s${index}" cx="${round(x(size))}" cy="${round(y(value))}" r="3"/>`,
    );
    const label = `<text class="s${index}" x="${right + 8}" y="${round(labelAt[index] ?? 0) + 4}">${toXml(each.name)}</text>`;
    return `<path class="line s${index}" d="${path}"/>${dots.join('')}${label}`;
  });
  return [
    `<text class="title" x="${left}" y="${top - 14}">${toXml(title)}, ${toXml(unit)}</text>`,
    ...rows,
    ...marks,
    `<text x="${right}" y="${bottom + 31}" text-anchor="end">${toXml(sizeName)}</text>`,
    ...lines,
  ].join('');
}

/** Labels of lines that end near each other, moved apart; in the order that they were given. */
function spread(ends: readonly number[]): readonly number[] {
  const order = ends.map((at, index) => ({ at, index })).sort((a, b) => a.at - b.at);
  let last = Number.NEGATIVE_INFINITY;
  const moved = order.map(({ at, index }) => {
    last = Math.max(at, last + labelHeight);
    return { at: last, index };
  });
  return moved.sort((a, b) => a.index - b.index).map(({ at }) => at);
}

const formatSize = (size: number): string => new Intl.NumberFormat('en-US', { notation: 'compact' }).format(size);

const round = (value: number): number => Math.round(value * 10) / 10;

function toXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
