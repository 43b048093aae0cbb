/** Near misses: a value that is right, and one thing about it changed. */
import fc from 'fast-check';

export interface Mutation {
  /** Which of the places in the value; more than there are begin again. */
  readonly place: number;
  readonly change: Change;
}

type Change =
  | { readonly kind: 'remove' }
  | { readonly kind: 'add' }
  | { readonly kind: 'many' }
  | { readonly kind: 'replace'; readonly by: unknown };

const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);

const replacements: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e300,
  2 ** 53,
  '',
  ' ',
  'x',
  '7',
  'a\0b',
  '\ud800',
  '😀',
  'x'.repeat(20_000),
  '2026-13-45',
  '__proto__',
  [],
  [null],
  {},
  { a: { b: {} } },
  deep(50),
];

const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.constantFrom<Change>({ kind: 'remove' }, { kind: 'add' }, { kind: 'many' }),
  fc.constantFrom(...replacements).map((by): Change => ({ kind: 'replace', by })),
);

export const mutation: fc.Arbitrary<Mutation> = fc.record({ place: fc.nat(1_000), change: changes });

type Path = readonly (string | number)[];

export function mutate(value: unknown, { place, change }: Mutation): unknown {
  const paths = [...pathsOf(value, [])];
  return changeAt(value, paths[place % paths.length] ?? [], change);
}

function* pathsOf(value: unknown, path: Path): Generator<Path> {
  yield path;
  if (typeof value !== 'object' || value === null) return;
  const entries: Iterable<readonly [string | number, unknown]> = Array.isArray(value) ? value.entries() : Object.entries(value);
  for (const [key, child] of entries) yield* pathsOf(child, [...path, key]);
}

function changeAt(value: unknown, path: Path, change: Change): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return changed(value, change);
  const copy: unknown[] | Record<string, unknown> = Array.isArray(value) ? [...value] : { ...(value as object) };
  const holder = copy as Record<string | number, unknown>;
  if (rest.length > 0 || change.kind !== 'remove') holder[key] = changeAt(holder[key], rest, change);
  else if (Array.isArray(copy)) copy.splice(Number(key), 1);
  else delete holder[key];
  return copy;
}

function changed(value: unknown, change: Change): unknown {
  if (change.kind === 'replace') return change.by;
  if (Array.isArray(value))
    return change.kind === 'many' ? Array.from({ length: 1_100 }, () => value[0] ?? 'x') : [...value, { colour: 'red' }];
  if (typeof value !== 'object' || value === null) return change.kind === 'many' ? [value, value] : { colour: value };
  return { ...value, colour: 'red' };
}
