/** The database as this process sees it: is it there, how long its statements take, how its connections are used. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { stepSeconds } from './buckets.ts';

export interface PoolState {
  /** At most. */
  readonly size: number;
  readonly open: number;
  readonly idle: number;
  /** Requests that wait for a connection. */
  readonly waiting: number;
}

export interface DatabaseMetrics {
  statement(kind: 'statement' | 'transaction' | 'copy', ms: number): void;
  failed(): void;
  slow(): void;
  acquired(ms: number): void;
  /** Asked for whenever the metrics are read. */
  isUp(ask: () => Promise<boolean>): void;
  readPool(read: () => PoolState | null): void;
}

export function createDatabaseMetrics(registry: Registry): DatabaseMetrics {
  const registers = [registry];
  const durations = new Histogram({
    name: 'aibrain_database_duration_seconds',
    help: 'Time of a statement, of a COPY, or of a whole transaction, as this process waits for it.',
    labelNames: ['kind'],
    buckets: [...stepSeconds],
    registers,
  });
  const failures = new Counter({
    name: 'aibrain_database_failures_total',
    help: 'Statements that failed, conflicts and time-outs included.',
    registers,
  });
  const slow = new Counter({
    name: 'aibrain_database_slow_statements_total',
    help: 'Statements that took longer than SLOW_STATEMENT_MS.',
    registers,
  });
  const acquisitions = new Histogram({
    name: 'aibrain_database_acquire_duration_seconds',
    help: 'Time until a connection of the pool was free.',
    buckets: [...stepSeconds],
    registers,
  });
  let ask = async (): Promise<boolean> => false;
  new Gauge({
    name: 'aibrain_database_up',
    help: '1 when the database answers within a second.',
    registers,
    async collect() {
      this.set(Number(await ask()));
    },
  });
  const readPool = registerPool(registry);
  const byKind = {
    statement: durations.labels('statement'),
    transaction: durations.labels('transaction'),
    copy: durations.labels('copy'),
  };
  return {
    statement: (kind, ms) => byKind[kind].observe(ms / 1_000),
    failed: () => failures.inc(),
    slow: () => slow.inc(),
    acquired: (ms) => acquisitions.observe(ms / 1_000),
    isUp: (given) => {
      ask = given;
    },
    readPool,
  };
}

function registerPool(registry: Registry): DatabaseMetrics['readPool'] {
  let read = (): PoolState | null => null;
  new Gauge({
    name: 'aibrain_database_pool_connections',
    help: 'Connections of the pool: idle, busy, and how many there may be at most. None in the embedded database.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const pool = read();
      if (pool === null) return;
      this.set({ state: 'idle' }, pool.idle);
      this.set({ state: 'busy' }, pool.open - pool.idle);
      this.set({ state: 'max' }, pool.size);
    },
  });
  new Gauge({
    name: 'aibrain_database_pool_waiting',
    help: 'Requests that wait for a connection of the pool.',
    registers: [registry],
    collect() {
      this.set(read()?.waiting ?? 0);
    },
  });
  return (given) => {
    read = given;
  };
}
