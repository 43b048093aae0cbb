/** Parts of records as files write them. */
import { v5 } from 'uuid';
import type { MemoryId } from '../../core/ids.ts';

export type Fields = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is derived from a file gets the same id however often the file is read. */
const fileNamespace = '0b8d8c52-3c1f-4f6e-9a57-1d4e0c7a9be3';

export const derivedId = (...parts: readonly unknown[]): MemoryId => v5(JSON.stringify(parts), fileNamespace) as MemoryId;

/** The last millisecond of a Date. */
const maxDateMs = 8.64e15;

/** Milliseconds, or ISO 8601; null where it is neither, or before 1970. */
export function toMs(value: unknown): number | null {
  const ms = typeof value === 'string' && /^(?:\d{4}|[+-]\d{6})-\d\d-\d\d/.test(value) ? Date.parse(zoned(value)) : value;
  return typeof ms === 'number' && ms >= 0 && ms <= maxDateMs ? Math.trunc(ms) : null;
}

/** As chat exports write it: Unix seconds with a fraction, or ISO 8601. */
export const toMsOfSeconds = (value: unknown): number | null =>
  typeof value === 'number' ? toMs(Math.round(value * 1_000)) : toMs(value);

/** Without an offset it is UTC: the zone of this machine says nothing of the file. */
const zoned = (time: string): string =>
  /T.*(Z|[+-]\d\d:?\d\d)$/i.test(time) || !/[T ]\d/.test(time) ? time : `${time.replace(' ', 'T')}Z`;

export function toText(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

/** At most so many characters, without half of a surrogate pair at the end. */
export function shorten(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : [...text.slice(0, 2 * maxChars)].slice(0, maxChars).join('').toWellFormed();
}
