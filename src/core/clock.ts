/**
 * Hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): 48 bits of Unix milliseconds and a 16-bit
 * counter. Pure functions of (state, now); a clock that runs wrong is tolerated and clamped, never refused (MRG-6).
 */
import { err, ok, type Result } from './result.ts';

export interface Hlc {
  /** Unix time, ms; 0 ≤ ms < 2^48. */
  readonly ms: number;
  /** Orders events of one millisecond; 0 ≤ count < 2^16. */
  readonly count: number;
}

export const zeroHlc: Hlc = { ms: 0, count: 0 };
export const maxHlcMs = 2 ** 48 - 1;
export const maxHlcCount = 2 ** 16 - 1;

/** How far ahead of the server's clock a stamp may be, ms. What is further ahead is clamped to this. */
export const maxAheadMs = 60_000;

export function compareHlc(a: Hlc, b: Hlc): number {
  return a.ms - b.ms || a.count - b.count;
}

/** The next stamp. A full counter carries into the milliseconds; the very last stamp is its own successor. */
export function hlcAfter(hlc: Hlc): Hlc {
  if (hlc.count < maxHlcCount) return { ms: hlc.ms, count: hlc.count + 1 };
  return hlc.ms < maxHlcMs ? { ms: hlc.ms + 1, count: 0 } : hlc;
}

/** The stamp of a new local event: after everything stamped or seen before, and not before now. */
export function tick(last: Hlc, nowMs: number): Hlc {
  const ms = Math.min(nowMs, maxHlcMs);
  return ms > last.ms ? { ms, count: 0 } : hlcAfter(last);
}

/** The clock after a stamp of another device was seen. A stamp too far ahead moves it by no more than the bound. */
export function observe(last: Hlc, seen: Hlc, nowMs: number): Hlc {
  const bounded = clampHlc(seen, nowMs);
  return compareHlc(bounded, last) > 0 ? bounded : last;
}

/** MRG-6: the stamp itself, or the bound when it is more than `maxAheadMs` ahead. */
export function clampHlc(hlc: Hlc, nowMs: number): Hlc {
  const bound = Math.min(nowMs + maxAheadMs, maxHlcMs);
  return hlc.ms > bound ? { ms: bound, count: 0 } : hlc;
}

/** `1764000000000-0`: milliseconds, hyphen, counter. */
export function hlcToString(hlc: Hlc): string {
  return `${hlc.ms}-${hlc.count}`;
}

export function parseHlc(text: string): Result<Hlc, string> {
  const match = /^(\d{1,15})-(\d{1,5})$/.exec(text);
  const hlc = { ms: Number(match?.[1]), count: Number(match?.[2]) };
  return isHlc(hlc) ? ok(hlc) : err('must be "<Unix ms>-<counter>", below 2^48 and 2^16');
}

/** Whether both parts are whole numbers within their bits. */
export function isHlc(hlc: { readonly ms: number; readonly count: number }): hlc is Hlc {
  return isWithin(hlc.ms, maxHlcMs) && isWithin(hlc.count, maxHlcCount);
}

const isWithin = (value: number, max: number): boolean => Number.isInteger(value) && value >= 0 && value <= max;
