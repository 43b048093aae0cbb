/** What nodes tell each other, for Prometheus. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { HintMetrics } from '../fanout/node-hints.ts';

export interface NodeState {
  /** Null: not configured. */
  readonly isRedisUp: boolean | null;
  /** Null: one process is all there is. */
  readonly areHintsWorking: boolean | null;
  readonly peers: number;
}

export interface NodeMetrics extends HintMetrics {
  /** Asked for whenever the metrics are read. */
  watchNode(read: () => NodeState): void;
}

const lagBucketsSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export function createNodeMetrics(registry: Registry): NodeMetrics {
  const registers = [registry];
  let read = (): NodeState => ({ isRedisUp: null, areHintsWorking: null, peers: 0 });
  const gauge = (name: string, help: string, value: (state: NodeState) => number | null): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const known = value(read());
        // What is not configured has no series: 0 would look like a fault.
        if (known === null) this.reset();
        else this.set(known);
      },
    });
  };
  gauge('aibrain_redis_up', '1 while Redis answers; absent without REDIS_URL.', ({ isRedisUp }) => toNumber(isRedisUp));
  gauge('aibrain_hints_up', '1 while hints between nodes arrive; absent in a single process.', ({ areHintsWorking }) =>
    toNumber(areHintsWorking),
  );
  gauge('aibrain_peers', 'Other nodes heard of lately.', ({ peers }) => peers);
  const sent = new Counter({ name: 'aibrain_hints_sent_total', help: 'Hints told to other nodes.', registers });
  const received = new Counter({ name: 'aibrain_hints_received_total', help: 'Hints heard from other nodes.', registers });
  const lag = new Histogram({
    name: 'aibrain_hint_lag_seconds',
    help: 'From a commit until the node that wrote it heard its own hint, by its own clock.',
    buckets: lagBucketsSeconds,
    registers,
  });
  return {
    watchNode: (watched) => {
      read = watched;
    },
    hintsSent: (count) => sent.inc(count),
    hintsReceived: (count) => received.inc(count),
    hintLag: (ms) => lag.observe(ms / 1_000),
  };
}

const toNumber = (value: boolean | null): number | null => (value === null ? null : Number(value));
