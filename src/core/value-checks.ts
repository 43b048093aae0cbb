/** What is wrong with the value of a field, in words for people; null where nothing is. */
import { isStorable, isWithin, memoryLimits, memoryScopes, memoryTypes, type Source } from './memory.ts';

export function textProblem(value: unknown, maxChars: number): string | null {
  if (typeof value !== 'string') return 'must be text';
  if (value === '') return 'must not be empty';
  if (!isStorable(value)) return 'must not contain NUL or lone surrogates';
  return isWithin(value, maxChars) ? null : `must have at most ${maxChars} characters`;
}

export function typeProblem(value: unknown): string | null {
  return oneOfProblem(value, memoryTypes);
}

export function scopeProblem(value: unknown): string | null {
  return oneOfProblem(value, memoryScopes);
}

export function confidenceProblem(value: unknown): string | null {
  if (typeof value !== 'number' || !Number.isFinite(value)) return 'must be a number';
  if (value < 0) return 'must be at least 0';
  return value > 1 ? 'must be at most 1' : null;
}

export function tagProblem(tag: string): string | null {
  // As the name of a member it would be no member.
  return textProblem(tag, memoryLimits.tagChars) ?? (tag === '__proto__' ? 'is not a possible tag' : null);
}

export function sourceProblem(value: unknown): string | null {
  if (!isPlainObject(value)) return 'must be an object';
  for (const [key, problemOf] of Object.entries(problemOfPart)) {
    const problem = problemOf(value[key]);
    if (problem !== null) return `${key}: ${problem}`;
  }
  const isKnown = Object.keys(value).every((key) => Object.hasOwn(problemOfPart, key));
  return isKnown ? null : 'has a field that a source has not';
}

const optionalText =
  (maxChars: number) =>
  (value: unknown): string | null =>
    value === undefined ? null : textProblem(value, maxChars);

const problemOfPart: Readonly<Record<keyof Source, (value: unknown) => string | null>> = {
  url: optionalText(memoryLimits.sourceUrlChars),
  platform: optionalText(memoryLimits.sourceTextChars),
  timestamp: (value) => (value === undefined || isTime(value) ? null : 'must be an ISO 8601 time'),
  conversationId: optionalText(memoryLimits.sourceTextChars),
  title: optionalText(memoryLimits.sourceTextChars),
};

function oneOfProblem(value: unknown, allowed: readonly string[]): string | null {
  return (allowed as readonly unknown[]).includes(value) ? null : `must be one of ${allowed.join(', ')}`;
}

/** Not an array, a byte string, a Map or a Date, which all have keys or none as an object has. */
function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** A day that there is, and a time of it with its offset (RFC 3339). */
function isTime(value: unknown): boolean {
  const match = typeof value === 'string' ? timePattern.exec(value) : null;
  if (match === null) return false;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  return day >= 1 && day <= daysOf(year, month);
}

const timePattern =
  /^(\d{4})-(0[1-9]|1[0-2])-(\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

function daysOf(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}
