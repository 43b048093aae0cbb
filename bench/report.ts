/** A row per figure: ours, the baseline of the same run, their ratio, and what we mean to reach. */
import type { Engine } from './place.ts';
import type { Summary } from './statistics.ts';

export interface Target {
  /** difference: ours less the baseline. */
  readonly of: 'ratio' | 'ours' | 'difference';
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface Figure {
  /** Of the benchmark and what exactly it counts, e.g. `cold-sync 20000, decoded`. */
  readonly name: string;
  readonly unit: string;
  readonly ours: Summary | null;
  readonly baselineName: string;
  readonly baseline: Summary | null;
  readonly target: Target | null;
}

export interface Row extends Figure {
  readonly engine: Engine;
  /** ours.median / baseline.median. */
  readonly ratio: number | null;
  readonly verdict: 'ok' | 'short' | null;
}

export function toRow(engine: Engine, figure: Figure): Row {
  const { ours, baseline } = figure;
  const ratio = ours === null || baseline === null ? null : ours.median / baseline.median;
  return { ...figure, engine, ratio, verdict: toVerdict(figure, ratio) };
}

const widths = [44, 10, 34, 42, 6, 8, 5] as const;

export const tableHead = `${toLine(['figure', 'engine', 'ours (min–max)', 'baseline (min–max)', 'ratio', 'target', ''])}\n${'-'.repeat(156)}`;

export function formatRow(row: Row): string {
  return toLine([
    row.name,
    row.engine,
    formatSummary(row.ours, row.unit),
    row.baseline === null ? '–' : `${row.baselineName} ${formatSummary(row.baseline, row.unit)}`,
    row.ratio === null ? '–' : row.ratio.toFixed(2),
    formatTarget(row),
    row.verdict ?? '–',
  ]);
}

function toLine(cells: readonly string[]): string {
  return cells
    .map((cell, index) => cell.padEnd(widths[index] ?? 0))
    .join(' ')
    .trimEnd();
}

function formatSummary(summary: Summary | null, unit: string): string {
  if (summary === null) return '–';
  const { median, min, max } = summary;
  return `${formatNumber(median)} ${unit} (${formatNumber(min)}–${formatNumber(max)})`;
}

function formatNumber(value: number): string {
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}

function formatTarget({ target, unit }: Row): string {
  if (target === null) return '–';
  const bound = target.atMost === undefined ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
  return { ratio: `${bound} ×`, ours: `${bound} ${unit}`, difference: `${bound} more` }[target.of];
}

function toVerdict({ ours, baseline, target }: Figure, ratio: number | null): Row['verdict'] {
  const difference = ours === null || baseline === null ? null : ours.median - baseline.median;
  const value = target === null ? null : { ratio, difference, ours: ours?.median ?? null }[target.of];
  if (target === null || value === null) return null;
  return value <= (target.atMost ?? Number.POSITIVE_INFINITY) && value >= (target.atLeast ?? 0) ? 'ok' : 'short';
}
