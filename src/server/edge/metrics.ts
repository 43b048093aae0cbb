/** What sync counts, for Prometheus. Labels come from fixed lists, never from a user (SEC-4). */
import { Counter, Gauge, Registry } from 'prom-client';
import type { ResetCode } from '../../protocol/frames.ts';
import { createNodeMetrics, type NodeMetrics } from './node-metrics.ts';

export interface SyncMetrics {
  reset(code: ResetCode): void;
  /** A device asked for a snapshot because its state hash differed. */
  repair(): void;
  collected(collection: { readonly events: number; readonly memories: number }): void;
  /** Texts that have their vectors now, and those that the provider does not take. */
  embedded(counts: { readonly texts: number; readonly refused: number }): void;
  /** A step of the projections of recall failed; it is tried again. */
  recallFailed(): void;
  /** Users for whom recall has something to do. Asked for whenever the metrics are read. */
  countBehind(count: () => number): void;
  /** Asked for whenever the metrics are read. */
  countSockets(count: () => number): void;
  readonly nodes: NodeMetrics;
  readonly contentType: string;
  /** In Prometheus' text format. */
  text(): Promise<string>;
}

const resetCodes: readonly ResetCode[] = ['cursor_expired', 'cursor_ahead', 'epoch_mismatch', 'device_forked'];

export function createSyncMetrics(): SyncMetrics {
  const registry = new Registry();
  const registers = [registry];
  const resets = new Counter({
    name: 'aibrain_sync_resets_total',
    help: 'RESET frames and their HTTP twins, by code.',
    labelNames: ['code'],
    registers,
  });
  // A series that begins at its first event has no rate there.
  for (const code of resetCodes) resets.inc({ code }, 0);
  const repairs = new Counter({
    name: 'aibrain_sync_repairs_total',
    help: 'Snapshots that a device asked for because its state hash differed.',
    registers,
  });
  const events = new Counter({ name: 'aibrain_collections_total', help: 'Events of kind collect that were written.', registers });
  const memories = new Counter({
    name: 'aibrain_collected_memories_total',
    help: 'Tombstones that were collected.',
    registers,
  });
  const texts = new Counter({ name: 'aibrain_embedded_texts_total', help: 'Texts that got their vectors.', registers });
  const refused = new Counter({
    name: 'aibrain_refused_texts_total',
    help: 'Texts for which the provider made no vector.',
    registers,
  });
  const failures = new Counter({ name: 'aibrain_recall_failures_total', help: 'Steps behind the log that failed.', registers });
  let countBehind = (): number => 0;
  new Gauge({
    name: 'aibrain_recall_users_behind',
    help: 'Users whose vectors or words are behind their log.',
    registers,
    collect() {
      this.set(countBehind());
    },
  });
  let countSockets = (): number => 0;
  new Gauge({
    name: 'aibrain_sync_sockets',
    help: 'Sync sockets that are open.',
    registers,
    collect() {
      this.set(countSockets());
    },
  });
  return {
    reset: (code) => resets.inc({ code }),
    repair: () => repairs.inc(),
    collected(collection) {
      events.inc(collection.events);
      memories.inc(collection.memories);
    },
    embedded(counts) {
      texts.inc(counts.texts);
      refused.inc(counts.refused);
    },
    recallFailed: () => failures.inc(),
    countBehind: (count) => {
      countBehind = count;
    },
    countSockets: (count) => {
      countSockets = count;
    },
    nodes: createNodeMetrics(registry),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}
