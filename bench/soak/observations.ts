/** What came back from the servers, and whether it was to be expected: while something is down anything may fail, but only then. */

export interface Observations {
  /** Something is down, or was a moment ago. */
  readonly isDisturbed: boolean;
  /** From now until the answer is called. */
  disturb(): () => void;
  /** An answer, or null where there was none. */
  answer(what: string, status: number | null): void;
  socketClosed(code: number): void;
  /** A promise that is broken, whatever is down. */
  violated(what: string): void;
  readonly report: ObservationReport;
}

export interface ObservationReport {
  /** By request and status; `-` where there was no answer. */
  readonly answers: Readonly<Record<string, number>>;
  readonly closeCodes: Readonly<Record<string, number>>;
  /** 5xx, no answer, or a close code of a fault, while nothing was down. */
  readonly unexpected: readonly string[];
  readonly violations: readonly string[];
}

/** What is under way when everything answers again may still end badly; pools and sockets find out within their time-outs, ms. */
const graceMs = 6_000;
/** Of ours: the client's own close, going away, token ended (it comes back with the next one). */
const ordinaryCodes = new Set([1_000, 1_001, 1_005, 4_401]);
const keptMessages = 50;

export function createObservations(now: () => number): Observations {
  const answers: Record<string, number> = {};
  const closeCodes: Record<string, number> = {};
  const unexpected: string[] = [];
  const violations: string[] = [];
  let disturbances = 0;
  let calmSince = 0;
  const isDisturbed = (): boolean => disturbances > 0 || now() < calmSince + graceMs;
  const count = (counts: Record<string, number>, name: string): void => {
    counts[name] = (counts[name] ?? 0) + 1;
  };
  const note = (list: string[], what: string): void => {
    if (list.length < keptMessages) list.push(`${new Date().toISOString()} ${what}`);
  };
  return {
    get isDisturbed() {
      return isDisturbed();
    },
    disturb: () => {
      disturbances++;
      return () => {
        disturbances--;
        calmSince = now();
      };
    },
    answer: (what, status) => {
      count(answers, `${what} ${status ?? '-'}`);
      if ((status === null || status >= 500) && !isDisturbed()) note(unexpected, `${what}: ${status ?? 'no answer'}`);
    },
    socketClosed: (code) => {
      count(closeCodes, String(code));
      if (!ordinaryCodes.has(code) && !isDisturbed()) note(unexpected, `a socket was closed with ${code}`);
    },
    violated: (what) => note(violations, what),
    report: { answers, closeCodes, unexpected, violations },
  };
}
