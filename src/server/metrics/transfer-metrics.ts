/** Conversations that are read, files that are brought in, and memories that are looked at. */
import { Counter, Histogram, type Registry } from 'prom-client';
import { longSeconds } from './buckets.ts';

export interface TransferMetrics {
  /** A conversation was read, or not. */
  ingested(report: IngestCounts | null, ms: number): void;
  imported(report: ImportCounts, ms: number): void;
  /** One memory was looked at. */
  accessed(): void;
}

export interface IngestCounts {
  readonly created: number;
  readonly updated: number;
  readonly skipped: number;
}

export interface ImportCounts {
  readonly imported: number;
  readonly updated: number;
  readonly skipped: number;
  readonly failed: number;
}

export function createTransferMetrics(registry: Registry): TransferMetrics {
  const registers = [registry];
  const ingestions = new Histogram({
    name: 'aibrain_ingest_duration_seconds',
    help: 'Time in which a conversation became memories, or failed to.',
    labelNames: ['outcome'],
    buckets: [...longSeconds],
    registers,
  });
  const ingested = new Counter({
    name: 'aibrain_ingested_candidates_total',
    help: 'What conversations gave: memories created, updated, or skipped.',
    labelNames: ['result'],
    registers,
  });
  const imports = new Histogram({
    name: 'aibrain_import_duration_seconds',
    help: 'Time of an import that came to its end.',
    buckets: [...longSeconds],
    registers,
  });
  const records = new Counter({
    name: 'aibrain_import_records_total',
    help: 'Records of imports that came to their end, by result.',
    labelNames: ['result'],
    registers,
  });
  const accesses = new Counter({ name: 'aibrain_accesses_total', help: 'Memories that were looked at by id.', registers });
  for (const result of ['created', 'updated', 'skipped']) ingested.inc({ result }, 0);
  for (const result of ['imported', 'updated', 'skipped', 'failed']) records.inc({ result }, 0);
  const add = (counter: Counter<'result'>, counts: IngestCounts | ImportCounts): void => {
    for (const [result, count] of Object.entries(counts)) counter.inc({ result }, count);
  };
  return {
    ingested(report, ms) {
      ingestions.observe({ outcome: report === null ? 'failed' : 'read' }, ms / 1_000);
      if (report !== null) add(ingested, report);
    },
    imported(report, ms) {
      imports.observe(ms / 1_000);
      add(records, report);
    },
    accessed: () => accesses.inc(),
  };
}
