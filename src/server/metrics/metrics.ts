/**
 * Everything that is counted, in one registry of this process: one small file for each subject. Labels come from fixed lists,
 * never from a user (SEC-4). docs/METRICS.md has the list, and a test compares the two.
 */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type AppendMetrics, createAppendMetrics } from './append-metrics.ts';
import { createDatabaseMetrics, type DatabaseMetrics } from './database-metrics.ts';
import { createHttpMetrics, type HttpMetrics } from './http-metrics.ts';
import { createLoadMetrics, type LoadMetrics } from './load-metrics.ts';
import { createNodeMetrics, type NodeMetrics } from './node-metrics.ts';
import { createProviderMetrics, type ProviderMetrics } from './provider-metrics.ts';
import { createRecallMetrics, type RecallMetrics } from './recall-metrics.ts';
import { createSearchMetrics, type SearchMetrics } from './search-metrics.ts';
import { createSocketMetrics, type SocketMetrics } from './socket-metrics.ts';
import { createSyncMetrics, type SyncMetrics } from './sync-metrics.ts';
import { createTransferMetrics, type TransferMetrics } from './transfer-metrics.ts';

export interface Metrics extends SyncMetrics, LoadMetrics {
  readonly http: HttpMetrics;
  readonly sockets: SocketMetrics;
  readonly append: AppendMetrics;
  readonly nodes: NodeMetrics;
  readonly recall: RecallMetrics;
  readonly provider: ProviderMetrics;
  readonly search: SearchMetrics;
  readonly transfer: TransferMetrics;
  readonly database: DatabaseMetrics;
  readonly contentType: string;
  /** In Prometheus' text format. */
  text(): Promise<string>;
}

export interface MetricsOptions {
  readonly version: string;
  readonly engine: string;
}

export function createMetrics({ version, engine }: MetricsOptions): Metrics {
  const registry = new Registry();
  // Process, event loop, heap and garbage collection.
  collectDefaultMetrics({ register: registry });
  const labels = { version, engine, node: process.versions.node };
  new Gauge({
    name: 'aibrain_info',
    help: 'Always 1; its labels say what runs here.',
    labelNames: Object.keys(labels),
    registers: [registry],
  }).set(labels, 1);
  return {
    ...createSyncMetrics(registry),
    ...createLoadMetrics(registry),
    http: createHttpMetrics(registry),
    sockets: createSocketMetrics(registry),
    append: createAppendMetrics(registry),
    nodes: createNodeMetrics(registry),
    recall: createRecallMetrics(registry),
    provider: createProviderMetrics(registry),
    search: createSearchMetrics(registry),
    transfer: createTransferMetrics(registry),
    database: createDatabaseMetrics(registry),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}
