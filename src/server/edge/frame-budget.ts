/** How much one socket may send: a token bucket of frames and one of bytes. Past it the socket is not read for a while. */

export interface FrameRates {
  readonly framesPerSecond: number;
  readonly bytesPerSecond: number;
  /** What may come at once, in seconds of the rate. */
  readonly burstSeconds: number;
  /** Longest debt, in seconds of the rate: what came in one piece cannot be sent back. */
  readonly debtSeconds: number;
  /** Over its rate for so long, all in all, a socket is closed. */
  readonly floodSeconds: number;
}

export const frameRates: FrameRates = {
  framesPerSecond: 500,
  bytesPerSecond: 8_388_608,
  burstSeconds: 2,
  debtSeconds: 5,
  floodSeconds: 60,
};

export interface FrameBudget {
  /** A frame came. @param now ms, of the clock that `isSpent` is asked with. */
  spend(bytes: number, now: number): void;
  /** More came than may for now. */
  isSpent(now: number): boolean;
  /** Asked every second. */
  isFlood(now: number): boolean;
}

const noBudget: FrameBudget = { spend: () => undefined, isSpent: () => false, isFlood: () => false };

/** @param rates null: no bound. */
export function createFrameBudget(rates: FrameRates | null, openedAt: number): FrameBudget {
  if (rates === null) return noBudget;
  const frames = createBucket(rates.framesPerSecond, rates, openedAt);
  const bytes = createBucket(rates.bytesPerSecond, rates, openedAt);
  let spentSeconds = 0;
  const isSpent = (now: number): boolean => frames.left(now) < 0 || bytes.left(now) < 0;
  return {
    spend(size, now) {
      frames.spend(1, now);
      bytes.spend(size, now);
    },
    isSpent,
    isFlood(now) {
      spentSeconds = Math.max(0, spentSeconds + (isSpent(now) ? 1 : -1));
      return spentSeconds > rates.floodSeconds;
    },
  };
}

function createBucket(perSecond: number, { burstSeconds, debtSeconds }: FrameRates, openedAt: number) {
  const most = perSecond * burstSeconds;
  let tokens = most;
  let at = openedAt;
  const left = (now: number): number => {
    // A clock that goes back gives nothing, and one that leaps a burst.
    tokens = Math.min(most, tokens + (Math.max(0, now - at) / 1_000) * perSecond);
    at = now;
    return tokens;
  };
  return {
    left,
    spend(count: number, now: number): void {
      tokens = Math.max(-perSecond * debtSeconds, left(now) - count);
    },
  };
}
