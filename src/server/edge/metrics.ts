/** What sync counts, for Prometheus. Labels come from fixed lists, never from a user (SEC-4). */
import { Counter, Gauge, Registry } from 'prom-client';
import type { ResetCode } from '../../protocol/frames.ts';

export interface SyncMetrics {
  reset(code: ResetCode): void;
  /** A device asked for a snapshot because its state hash differed. */
  repair(): void;
  collected(collection: { readonly events: number; readonly memories: number }): void;
  /** Asked for whenever the metrics are read. */
  countSockets(count: () => number): void;
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
    countSockets: (count) => {
      countSockets = count;
    },
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}
