/** How far words and vectors lie behind the log. Of the whole database, so every node says the same: take the maximum. */
import { Gauge, type Registry } from 'prom-client';

/** One projection. */
export interface Lag {
  readonly users: number;
  readonly events: number;
  /** Age of the oldest event that is not in it yet; 0 when there is none. */
  readonly oldestSeconds: number;
}

export interface RecallLag {
  readonly words: Lag;
  readonly vectors: Lag;
}

export interface RecallMetrics {
  /** Asked for whenever the metrics are read; it remembers for a while. Null: not known now. */
  readLag(read: () => Promise<RecallLag | null>): void;
}

const projections = ['words', 'vectors'] as const;

export function createRecallMetrics(registry: Registry): RecallMetrics {
  let readLag = async (): Promise<RecallLag | null> => null;
  const gauge = (name: string, help: string, figureOf: (lag: Lag) => number): void => {
    new Gauge({
      name,
      help,
      labelNames: ['projection'],
      registers: [registry],
      async collect() {
        const lag = await readLag();
        // An old figure would look like a good one.
        if (lag === null) return this.reset();
        for (const projection of projections) this.set({ projection }, figureOf(lag[projection]));
      },
    });
  };
  gauge('aibrain_recall_lag_users', 'Users whose projection lies behind their log.', ({ users }) => users);
  gauge('aibrain_recall_lag_events', 'Events of the log that the projection has not taken in yet.', ({ events }) => events);
  gauge(
    'aibrain_recall_lag_oldest_seconds',
    'Age of the oldest event that the projection has not taken in yet.',
    ({ oldestSeconds }) => oldestSeconds,
  );
  return {
    readLag(read) {
      readLag = read;
    },
  };
}
