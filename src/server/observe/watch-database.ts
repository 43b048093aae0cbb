/** The door to SQL, counted, traced and warned of when it is slow: by the name of a statement, never by its text or values. */
import type { Database } from '../infra/database.ts';
import { type DatabaseWatch, watchedDatabase } from '../infra/watched-database.ts';
import type { DatabaseMetrics } from '../metrics/database-metrics.ts';
import type { Tracing } from '../tracing/tracing.ts';

export interface DatabaseWatchDeps {
  readonly metrics: DatabaseMetrics;
  readonly tracing: Tracing | null;
  readonly log: { warn(details: object, message: string): void };
}

export interface DatabaseWatchOptions {
  /** 0: never. */
  readonly slowMs: number;
}

export function watchDatabase(
  db: Database,
  { metrics, tracing, log }: DatabaseWatchDeps,
  options: DatabaseWatchOptions,
): Database {
  const { slowMs } = options;
  const timed: DatabaseWatch = async (kind, name, work) => {
    const startedAt = performance.now();
    try {
      return await work();
    } catch (error) {
      if (kind !== 'transaction') metrics.failed();
      throw error;
    } finally {
      const ms = performance.now() - startedAt;
      metrics.statement(kind, ms);
      // A transaction waits for its own work, and each of its statements is watched.
      if (slowMs > 0 && ms > slowMs && kind !== 'transaction') {
        metrics.slow();
        log.warn({ statement: name, ms: Math.round(ms) }, 'slow statement');
      }
    }
  };
  if (tracing === null) return watchedDatabase(db, timed);
  return watchedDatabase(db, (kind, name, work) => {
    const attributes = { 'db.system.name': 'postgresql', 'db.query.summary': name };
    return tracing.inner({ name, kind: 'client', attributes }, () => timed(kind, name, work));
  });
}
