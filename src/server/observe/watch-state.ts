/** What is asked of the others whenever the metrics are read: is the database there, how far is recall behind. */
import type { Database } from '../infra/database.ts';
import type { DatabaseMetrics } from '../metrics/database-metrics.ts';
import type { RecallLag, RecallMetrics } from '../metrics/recall-metrics.ts';
import { type ProjectionLag, readRecallLag } from '../project/recall-lag.ts';

export interface StateWatchDeps {
  readonly db: Database;
  readonly metrics: { readonly database: DatabaseMetrics; readonly recall: RecallMetrics };
  /** The model that makes the vectors now. */
  readonly model: string;
  /** Unix ms. */
  readonly now: () => number;
}

/** How long an answer may take, ms: whoever collects metrics waits for it. */
const boundMs = 1_000;
/** How long a figure that goes over all users is kept, ms. */
const lagForMs = 10_000;

export function watchState({ db, metrics, model, now }: StateWatchDeps): void {
  const { poolState } = db;
  metrics.database.readPool(() => poolState?.() ?? null);
  metrics.database.isUp(async () => (await inTime(db.query('select 1'))) !== null);
  const readLag = async (): Promise<RecallLag | null> => {
    const at = now();
    const found = await inTime(readRecallLag(db, model));
    return found === null ? null : { words: toLag(found.words, at), vectors: toLag(found.vectors, at) };
  };
  metrics.recall.readLag(remembered(readLag, lagForMs, now));
}

const toLag = ({ users, events, oldestMs }: ProjectionLag, at: number) => ({
  users,
  events,
  oldestSeconds: oldestMs === null ? 0 : Math.max(0, at - oldestMs) / 1_000,
});

/** Null when there was no answer in time, or a failure. */
async function inTime<T>(answer: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), boundMs).unref();
  });
  const settled = answer.catch(() => null);
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Those who ask at once share one answer, and so do those who ask soon after. What failed is asked again. */
function remembered<T>(read: () => Promise<T | null>, forMs: number, now: () => number): () => Promise<T | null> {
  let kept: { readonly at: number; readonly value: Promise<T | null> } | null = null;
  return async () => {
    if (kept === null || now() - kept.at >= forMs) {
      const value = read();
      kept = { at: now(), value };
      void value.then((found) => {
        if (found === null && kept?.value === value) kept = null;
      });
    }
    return kept.value;
  };
}
