/** The one write path: groups, what became of the ops in them, and how many wait. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { groupOps, stepSeconds } from './buckets.ts';

export interface AppendMetrics {
  group(report: {
    readonly ops: number;
    readonly replanned: number;
    readonly way: 'statement' | 'copy';
    readonly ms: number;
  }): void;
  committed(tally: AppendTally): void;
  /** Asked for whenever the metrics are read. */
  countQueued(count: () => number): void;
}

export interface AppendTally {
  readonly applied: number;
  readonly superseded: number;
  readonly rejected: number;
  readonly conflictsOpened: number;
  readonly conflictsClosed: number;
}

const outcomes = ['applied', 'superseded', 'rejected'] as const;

export function createAppendMetrics(registry: Registry): AppendMetrics {
  const registers = [registry];
  const sizes = new Histogram({
    name: 'aibrain_append_group_ops',
    help: 'Ops in a group of the group commit.',
    buckets: [...groupOps],
    registers,
  });
  const durations = new Histogram({
    name: 'aibrain_append_group_duration_seconds',
    help: 'Time of one group from the begin of its write until its requests are answered, by way: one statement, or COPY.',
    labelNames: ['way'],
    buckets: [...stepSeconds],
    registers,
  });
  const replanned = new Counter({
    name: 'aibrain_append_replanned_total',
    help: 'Users of a group who were planned again under the lock, because their head had moved.',
    registers,
  });
  const events = new Counter({
    name: 'aibrain_events_total',
    help: 'Events that were committed here, by outcome.',
    labelNames: ['outcome'],
    registers,
  });
  const opened = new Counter({ name: 'aibrain_conflicts_opened_total', help: 'Conflicts that a write opened.', registers });
  const closed = new Counter({ name: 'aibrain_conflicts_resolved_total', help: 'Conflicts that a write closed.', registers });
  let countQueued = (): number => 0;
  new Gauge({
    name: 'aibrain_append_queued_ops',
    help: 'Ops that wait for a group.',
    registers,
    collect() {
      this.set(countQueued());
    },
  });
  const durationByWay = { statement: durations.labels('statement'), copy: durations.labels('copy') };
  const eventsByOutcome = outcomes.map((outcome) => ({ outcome, counter: events.labels(outcome) }));
  for (const { counter } of eventsByOutcome) counter.inc(0);
  return {
    group(report) {
      sizes.observe(report.ops);
      durationByWay[report.way].observe(report.ms / 1_000);
      if (report.replanned > 0) replanned.inc(report.replanned);
    },
    committed(tally) {
      for (const { outcome, counter } of eventsByOutcome) if (tally[outcome] > 0) counter.inc(tally[outcome]);
      if (tally.conflictsOpened > 0) opened.inc(tally.conflictsOpened);
      if (tally.conflictsClosed > 0) closed.inc(tally.conflictsClosed);
    },
    countQueued(count) {
      countQueued = count;
    },
  };
}
