import type { Benchmark } from './benchmark.ts';
import { coldSync } from './benchmarks/cold-sync.ts';
import { oneUser, rowSecurity } from './benchmarks/fences.ts';
import { fleet } from './benchmarks/fleet.ts';
import { idle } from './benchmarks/idle.ts';
import { importing } from './benchmarks/import.ts';
import { peakRss } from './benchmarks/peak-rss.ts';
import { propagation } from './benchmarks/propagation.ts';
import { push } from './benchmarks/push.ts';
import { rowSizes } from './benchmarks/row-sizes.ts';
import { manyUsers } from './benchmarks/users.ts';
import { wireSize } from './benchmarks/wire-size.ts';

/** In the order in which they run. */
export const benchmarks: readonly Benchmark[] = [
  propagation,
  push,
  coldSync,
  manyUsers,
  fleet,
  idle,
  wireSize,
  peakRss,
  importing,
  rowSecurity,
  oneUser,
  rowSizes,
];
