/**
 * Who may work now. Each kind of work has a queue of its own, so that many searches or a few imports never keep a small read or write
 * waiting, and in each the turns go round (SEC-16).
 */
import { createDrainRate } from './drain-rate.ts';
import { createFairQueue, type FairQueue, type FairQueueLimits, type RefusalKind } from './fair-queue.ts';

/**
 * `light`: a few rows, or one write. `search`: all vectors of a user may be read. `ingest`: a vendor may be asked, for a minute.
 * `import` and `export`: as long as a file takes; whatever reads a whole log counts as an export. `password`: a hash that is slow on
 * purpose.
 */
export const workKinds = ['light', 'search', 'ingest', 'import', 'export', 'password'] as const;

export type WorkKind = (typeof workKinds)[number];

export interface AdmissionOptions {
  /** Of kind `light`, under way at a time. */
  readonly requests: number;
  /** Those of one user. */
  readonly requestsOfOne: number;
  readonly searches: number;
  readonly ingests: number;
  /** Imports, and exports beside them. */
  readonly transfers: number;
  /** How long a request waits for its turn at most, ms. */
  readonly waitMs: number;
  /** Whether one address has bounds of its own where nobody is logged in. */
  readonly byAddress: boolean;
}

export interface Admission {
  readonly queues: Readonly<Record<WorkKind, FairQueue>>;
  /** For metrics: what was refused is told here. */
  readonly onRefused: (kind: RefusalKind) => void;
}

export interface AdmissionDeps {
  /** ms, of any clock. */
  readonly now: () => number;
  /** @returns the way to stop it. */
  readonly setTimer: (callback: () => void, ms: number) => () => void;
  readonly onRefused: (kind: RefusalKind) => void;
}

/** Logins hash with 19 MiB and a core each; more at a time take longer and bring nothing. */
const passwords = 8;

export function queueLimits(options: AdmissionOptions): Readonly<Record<WorkKind, FairQueueLimits>> {
  const { requests, requestsOfOne, searches, ingests, transfers, waitMs, byAddress } = options;
  /** As many may wait as are worked off in some seconds, of one as of all. */
  const queue = (running: number, share: number, waitingTimes: number): FairQueueLimits => {
    const runningOfOne = Math.max(1, Math.min(running, share));
    return { running, runningOfOne, waiting: running * waitingTimes, waitingOfOne: runningOfOne * waitingTimes, waitMs };
  };
  return {
    light: queue(requests, requestsOfOne, 4),
    search: queue(searches, Math.ceil(searches / 2), 40),
    ingest: queue(ingests, Math.ceil(ingests / 8), 4),
    import: queue(transfers, Math.ceil(transfers / 4), 8),
    export: queue(transfers, Math.ceil(transfers / 4), 8),
    password: queue(passwords, byAddress ? Math.ceil(passwords / 2) : passwords, byAddress ? 25 : 1_000),
  };
}

export function createAdmission({ now, setTimer, onRefused }: AdmissionDeps, options: AdmissionOptions): Admission {
  const limits = queueLimits(options);
  const queue = (kind: WorkKind): FairQueue => createFairQueue({ rate: createDrainRate(now), setTimer }, limits[kind]);
  const queues = {
    light: queue('light'),
    search: queue('search'),
    ingest: queue('ingest'),
    import: queue('import'),
    export: queue('export'),
    password: queue('password'),
  };
  return { queues, onRefused };
}
