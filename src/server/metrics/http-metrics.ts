/** Requests by route pattern and class of status: both come from the routes that are declared, never from a caller (SEC-4). */
import { Gauge, Histogram, type Registry } from 'prom-client';
import { requestSeconds } from './buckets.ts';

export interface HttpMetrics {
  /** Prepares a route, so that a request costs one observation. */
  route(method: string, pattern: string): RouteMetrics;
  /** Asked for whenever the metrics are read. */
  countConnections(count: () => Promise<number>): void;
}

export interface RouteMetrics {
  done(status: number, ms: number): void;
}

const statusClasses = ['1xx', '2xx', '3xx', '4xx', '5xx'] as const;

export function createHttpMetrics(registry: Registry): HttpMetrics {
  const registers = [registry];
  const durations = new Histogram({
    name: 'aibrain_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer, by route pattern and class of status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [...requestSeconds],
    registers,
  });
  let countConnections = async (): Promise<number> => 0;
  new Gauge({
    name: 'aibrain_http_connections',
    help: 'TCP connections that are open, those of sockets included.',
    registers,
    async collect() {
      this.set(await countConnections());
    },
  });
  return {
    route(method, pattern) {
      const prepared = statusClasses.map((status) => durations.labels(method, pattern, status));
      return { done: (status, ms) => prepared[Math.floor(status / 100) - 1]?.observe(ms / 1_000) };
    },
    countConnections(count) {
      countConnections = count;
    },
  };
}
