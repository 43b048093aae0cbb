/** Searches, by what was done, and the plan that the semantic arm went by. */
import { Counter, Histogram, type Registry } from 'prom-client';
import { requestSeconds } from './buckets.ts';

export type SearchPlan = (typeof plans)[number];

export interface SearchMetrics {
  done(mode: 'hybrid' | 'semantic' | 'keyword', ms: number): void;
  planned(plan: SearchPlan): void;
  /** A search went on without vectors, or was refused for want of them. */
  withoutVectors(): void;
}

const modes = ['hybrid', 'semantic', 'keyword'] as const;
const plans = ['exact', 'bits', 'index'] as const;

export function createSearchMetrics(registry: Registry): SearchMetrics {
  const registers = [registry];
  const durations = new Histogram({
    name: 'aibrain_search_duration_seconds',
    help: 'Time of a search, by the mode that was done.',
    labelNames: ['mode'],
    buckets: [...requestSeconds],
    registers,
  });
  const chosen = new Counter({
    name: 'aibrain_search_plans_total',
    help: 'Plans of the semantic arm: all distances, the bits first, or the index of the user.',
    labelNames: ['plan'],
    registers,
  });
  const degraded = new Counter({
    name: 'aibrain_search_without_vectors_total',
    help: 'Searches whose question had no vector, because the provider gave none.',
    registers,
  });
  const durationByMode = new Map(modes.map((mode) => [mode, durations.labels(mode)]));
  for (const plan of plans) chosen.inc({ plan }, 0);
  return {
    done: (mode, ms) => durationByMode.get(mode)?.observe(ms / 1_000),
    planned: (plan) => chosen.inc({ plan }),
    withoutVectors: () => degraded.inc(),
  };
}
