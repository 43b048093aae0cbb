import type { Benchmark } from './benchmark.ts';
import { apiLatency } from './benchmarks/api-latency.ts';
import { coldSync } from './benchmarks/cold-sync.ts';
import { oneUser, rowSecurity } from './benchmarks/fences.ts';
import { fleet } from './benchmarks/fleet.ts';
import { growth } from './benchmarks/growth.ts';
import { httpCreate } from './benchmarks/http-create.ts';
import { httpThroughput } from './benchmarks/http-throughput.ts';
import { idle } from './benchmarks/idle.ts';
import { importing } from './benchmarks/import.ts';
import { peakRss } from './benchmarks/peak-rss.ts';
import { propagation } from './benchmarks/propagation.ts';
import { push } from './benchmarks/push.ts';
import { rowSizes } from './benchmarks/row-sizes.ts';
import { search } from './benchmarks/search.ts';
import { manyUsers } from './benchmarks/users.ts';
import { wireSize } from './benchmarks/wire-size.ts';

/** In the order in which they run: first what people ask first. */
export const benchmarks: readonly Benchmark[] = [
  apiLatency,
  httpThroughput,
  search,
  importing,
  propagation,
  httpCreate,
  push,
  coldSync,
  manyUsers,
  fleet,
  idle,
  wireSize,
  peakRss,
  growth,
  rowSecurity,
  oneUser,
  rowSizes,
];
