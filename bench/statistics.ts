export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  /** Of each round, in order. */
  readonly rounds: readonly number[];
}

/** @throws RangeError when there are no rounds. */
export function summarize(rounds: readonly number[]): Summary {
  return { median: quantile(rounds, 0.5), min: Math.min(...rounds), max: Math.max(...rounds), rounds };
}

/** Linear interpolation between the two nearest values. @throws RangeError when there are none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)];
  const high = sorted[Math.ceil(at)];
  if (low === undefined || high === undefined) throw new RangeError('no values');
  return low + (high - low) * (at - Math.floor(at));
}

/** Runs the measures in turn, A B A B …, so that a machine that slows down or warms up does so for all of them. */
export async function alternate<T>(
  rounds: number,
  measureByName: Readonly<Record<string, (round: number) => Promise<T>>>,
): Promise<Readonly<Record<string, readonly T[]>>> {
  const resultsByName: Record<string, T[]> = Object.fromEntries(Object.keys(measureByName).map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, measure] of Object.entries(measureByName)) resultsByName[name]?.push(await measure(round));
  }
  return resultsByName;
}

/** Of the line through the points with the least squares, per unit of x; null where fewer than two differ in x. */
export function slopeOf(points: readonly { readonly x: number; readonly y: number }[]): number | null {
  const mean = (of: (point: { readonly x: number; readonly y: number }) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [meanX, meanY] = [mean(({ x }) => x), mean(({ y }) => y)];
  const variance = points.reduce((sum, { x }) => sum + (x - meanX) ** 2, 0);
  return variance > 0 ? points.reduce((sum, { x, y }) => sum + (x - meanX) * (y - meanY), 0) / variance : null;
}
