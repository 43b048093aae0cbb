/** Searches, files and conversations, counted where they are asked for. */
import type { Ingest } from '../ingest/ingest.ts';
import type { SearchMetrics } from '../metrics/search-metrics.ts';
import type { TransferMetrics } from '../metrics/transfer-metrics.ts';
import type { AccessCounts } from '../read/access-counts.ts';
import type { Searcher } from '../read/search.ts';
import type { ImportReport } from '../transfer/import-records.ts';
import type { Transfer } from '../transfer/transfer.ts';

export function watchSearcher(searcher: Searcher, metrics: SearchMetrics): Searcher {
  return {
    async search(userId, request) {
      const startedAt = performance.now();
      const answer = await searcher.search(userId, request);
      metrics.done(answer.mode, performance.now() - startedAt);
      return answer;
    },
  };
}

export function watchTransfer(transfer: Transfer, metrics: TransferMetrics): Transfer {
  const timed = async (work: Promise<ImportReport>): Promise<ImportReport> => {
    const startedAt = performance.now();
    const report = await work;
    const { imported, updated, skipped, failedCount: failed } = report;
    metrics.imported({ imported, updated, skipped, failed }, performance.now() - startedAt);
    return report;
  };
  return {
    ...transfer,
    importStream: (...given) => timed(transfer.importStream(...given)),
    importZip: (...given) => timed(transfer.importZip(...given)),
  };
}

export function watchIngest(ingest: Ingest, metrics: TransferMetrics): Ingest {
  return {
    async ingest(writer, request) {
      const startedAt = performance.now();
      const report = await ingest.ingest(writer, request);
      const counts = report.ok
        ? {
            created: report.value.created.length,
            updated: report.value.updated.length,
            skipped: report.value.skipped.length,
          }
        : null;
      metrics.ingested(counts, performance.now() - startedAt);
      return report;
    },
  };
}

export function watchAccesses(accesses: AccessCounts, metrics: TransferMetrics): AccessCounts {
  return {
    ...accesses,
    count(userId, id) {
      metrics.accessed();
      accesses.count(userId, id);
    },
  };
}
