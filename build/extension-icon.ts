/** The icon of the extension: three thoughts that are joined. One list of shapes, as SVG for pages and as PNG for the toolbar. */
import { encodePng } from './png.ts';

export interface IconColors {
  /** Of the tile, top and bottom: red, green, blue, 0–255. */
  readonly top: Rgb;
  readonly bottom: Rgb;
}

export type Rgb = readonly [number, number, number];

export const liveColors: IconColors = { top: [124, 92, 255], bottom: [79, 70, 229] };
export const offlineColors: IconColors = { top: [156, 163, 175], bottom: [107, 114, 128] };

/** All in units of the tile, 0–1. */
const cornerRadius = 0.24;
const dots = [
  { x: 0.3, y: 0.34, r: 0.1 },
  { x: 0.72, y: 0.28, r: 0.085 },
  { x: 0.55, y: 0.71, r: 0.13 },
] as const;
const lines = [
  [0, 1],
  [1, 2],
  [2, 0],
] as const;
const lineWidth = 0.062;

export function iconSvg({ top, bottom }: IconColors): string {
  const circles = dots.map(({ x, y, r }) => `<circle cx="${x}" cy="${y}" r="${r}"/>`).join('');
  const strokes = lines.map(([a, b]) => `<path d="M${dots[a].x} ${dots[a].y}L${dots[b].x} ${dots[b].y}"/>`).join('');
  return [
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1">',
    `<linearGradient id="tile" x2="0" y2="1"><stop stop-color="rgb(${top})"/><stop offset="1" stop-color="rgb(${bottom})"/></linearGradient>`,
    `<rect width="1" height="1" rx="${cornerRadius}" fill="url(#tile)"/>`,
    `<g fill="#fff" stroke="#fff" stroke-width="${lineWidth}"><g stroke-width="0">${circles}</g>${strokes}</g>`,
    '</svg>\n',
  ].join('\n');
}

export function iconPng(size: number, { top, bottom }: IconColors): Buffer {
  const pixels = Buffer.alloc(size * size * 4);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [x, y] = [(column + 0.5) / size, (row + 0.5) / size];
      const tile = coverage(tileDistance(x, y), size);
      const mark = coverage(markDistance(x, y), size);
      const color = top.map((start, i) => mix(mix(start, bottom[i] ?? 0, y), 255, mark));
      pixels.set([...color, Math.round(255 * tile)], (row * size + column) * 4);
    }
  }
  return encodePng(size, size, pixels);
}

/** Signed distances: negative within. */
function tileDistance(x: number, y: number): number {
  const dx = Math.abs(x - 0.5) - 0.5 + cornerRadius;
  const dy = Math.abs(y - 0.5) - 0.5 + cornerRadius;
  return Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - cornerRadius;
}

function markDistance(x: number, y: number): number {
  const toDots = dots.map((dot) => Math.hypot(x - dot.x, y - dot.y) - dot.r);
  const toLines = lines.map(([a, b]) => segmentDistance(x, y, dots[a], dots[b]) - lineWidth / 2);
  return Math.min(...toDots, ...toLines);
}

interface Point {
  readonly x: number;
  readonly y: number;
}

function segmentDistance(x: number, y: number, a: Point, b: Point): number {
  const [abX, abY] = [b.x - a.x, b.y - a.y];
  const along = ((x - a.x) * abX + (y - a.y) * abY) / (abX ** 2 + abY ** 2);
  const t = Math.min(1, Math.max(0, along));
  return Math.hypot(x - a.x - t * abX, y - a.y - t * abY);
}

/** How much of a pixel lies within, from the distance of its middle. */
const coverage = (distance: number, size: number): number => Math.min(1, Math.max(0, 0.5 - distance * size));

const mix = (from: number, to: number, share: number): number => Math.round(from + (to - from) * share);
