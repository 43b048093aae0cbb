/** What a check expects of a server, and how it says that it got something else. */
import { isDeepStrictEqual } from 'node:util';

/** The server did not do what a rule says. The message is for the one who mends the server. */
export class CheckFailure extends Error {
  override readonly name = 'CheckFailure';
}

export function expectEqual(what: string, got: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(got, expected)) throw new CheckFailure(`${what}: expected ${show(expected)}, got ${show(got)}`);
}

/** The members that `expected` names; others are not looked at. */
export function expectMembers(what: string, got: object, expected: Readonly<Record<string, unknown>>): void {
  const told = got as Readonly<Record<string, unknown>>;
  const seen = Object.fromEntries(Object.keys(expected).map((key) => [key, told[key]]));
  if (!isDeepStrictEqual(seen, expected)) throw new CheckFailure(`${what}: expected ${show(expected)}, got ${show(got)}`);
}

export function expectThat(holds: boolean, what: string, got?: unknown): asserts holds {
  if (!holds) throw new CheckFailure(got === undefined ? `expected ${what}` : `expected ${what}, got ${show(got)}`);
}

/** The value, which has to be there. */
export function expectSome<T>(what: string, value: T | null | undefined): T {
  if (value === null || value === undefined) throw new CheckFailure(`expected ${what}, got nothing`);
  return value;
}

const shownChars = 300;

export function show(value: unknown): string {
  const text = typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value, plain) ?? String(value));
  return text.length > shownChars ? `${text.slice(0, shownChars)}…` : text;
}

function plain(_key: string, value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  if (value instanceof Uint8Array) return `${value.length} bytes ${Buffer.from(value.subarray(0, 32)).toString('hex')}`;
  return value;
}
