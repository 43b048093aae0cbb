/** Values that a JSON Schema of the document takes, as fast-check makes and shrinks them. Knows the part of JSON Schema that the document uses. */
import fc from 'fast-check';
import type { Json } from '../support/openapi.ts';

/** Few, so that requests meet the same things; ids are of each user, so two users have the same ones. */
export const knownIds: readonly string[] = Array.from({ length: 5 }, (_, n) => `0198c0de-0000-7000-8000-00000000000${n + 1}`);

type Resolve = (name: string) => Json;

export function arbitraryOf(schema: Json, resolve: Resolve): fc.Arbitrary<unknown> {
  const { $ref, enum: options, const: only, anyOf, oneOf, type } = schema as SchemaParts;
  if ($ref !== undefined) return arbitraryOf(resolve($ref.replace('#/components/schemas/', '')), resolve);
  if (only !== undefined) return fc.constant(only);
  if (options !== undefined) return fc.constantFrom(...options);
  if (type === undefined && (anyOf ?? oneOf) !== undefined)
    return fc.oneof(...(anyOf ?? oneOf ?? []).map((part) => arbitraryOf(part, resolve)));
  if (Array.isArray(type)) return fc.oneof(...type.map((name) => ofType(name, schema, resolve)));
  return type === undefined ? anyJson : ofType(String(type), schema, resolve);
}

interface SchemaParts {
  readonly $ref?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Json[];
  readonly oneOf?: readonly Json[];
  readonly type?: unknown;
}

function ofType(type: string, schema: Json, resolve: Resolve): fc.Arbitrary<unknown> {
  switch (type) {
    case 'object':
      return ofObject(schema as ObjectParts, resolve);
    case 'array':
      return ofArray(schema as ArrayParts, resolve);
    case 'string':
      return ofString(schema as StringParts);
    case 'integer':
      return ofInteger(schema as NumberParts);
    case 'number':
      return fc.double({
        min: (schema as NumberParts).minimum ?? -1e6,
        max: (schema as NumberParts).maximum ?? 1e6,
        noNaN: true,
      });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    default:
      throw new Error(`no values of type ${type} are made`);
  }
}

interface ObjectParts {
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Json | false;
}

function ofObject(
  { properties = {}, required = [], additionalProperties }: ObjectParts,
  resolve: Resolve,
): fc.Arbitrary<unknown> {
  const model = Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, arbitraryOf(schema, resolve)]));
  if (Object.keys(model).length > 0) return fc.record(model, { requiredKeys: [...required] });
  if (additionalProperties === undefined || additionalProperties === false) return fc.constant({});
  return fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), arbitraryOf(additionalProperties, resolve), {
    maxKeys: 3,
    noNullPrototype: true,
  });
}

interface ArrayParts {
  readonly items?: Json;
  readonly minItems?: number;
  readonly maxItems?: number;
}

function ofArray({ items = {}, minItems = 0, maxItems = 4 }: ArrayParts, resolve: Resolve): fc.Arbitrary<unknown> {
  return fc.array(arbitraryOf(items, resolve), { minLength: minItems, maxLength: Math.max(minItems, Math.min(maxItems, 4)) });
}

interface NumberParts {
  readonly minimum?: number;
  readonly maximum?: number;
}

function ofInteger({ minimum = 0, maximum = Number.MAX_SAFE_INTEGER }: NumberParts): fc.Arbitrary<number> {
  const small = fc.integer({ min: minimum, max: Math.min(maximum, minimum + 5) });
  return fc.oneof(
    { weight: 4, arbitrary: small },
    { weight: 1, arbitrary: fc.maxSafeInteger().map((n) => minimum + (Math.abs(n) % (maximum - minimum + 1))) },
  );
}

interface StringParts {
  readonly format?: string;
  readonly pattern?: string;
  readonly allOf?: readonly { readonly pattern?: string }[];
  readonly minLength?: number;
  readonly maxLength?: number;
}

function ofString({ format, pattern, allOf = [], minLength = 0, maxLength = 200 }: StringParts): fc.Arbitrary<string> {
  const byFormat = format === undefined ? undefined : arbitraryByFormat[format];
  if (byFormat !== undefined) return byFormat;
  const patterns = [pattern, ...allOf.map((part) => part.pattern)].flatMap((text) =>
    text === undefined ? [] : new RegExp(text, 'u'),
  );
  const [first, ...rest] = patterns;
  if (first !== undefined)
    return fc.stringMatching(first, { maxLength: 30 }).filter((text) => rest.every((other) => other.test(text)));
  const usual = fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, Math.max(minLength, 12)) });
  return fc.oneof(
    { weight: 8, arbitrary: usual },
    { weight: 1, arbitrary: fc.constant('ü'.repeat(Math.min(maxLength, 10_000))) },
  );
}

const time = fc
  .date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
  .map((date) => date.toISOString());

const arbitraryByFormat: Readonly<Record<string, fc.Arbitrary<string>>> = {
  uuid: fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...knownIds) }, { weight: 1, arbitrary: fc.uuid() }),
  'date-time': time,
  date: time.map((text) => text.slice(0, 10)),
  email: fc.stringMatching(/^[a-z]{1,8}@[a-z]{1,8}[.]org$/),
};

const anyJson = fc.jsonValue({ maxDepth: 2 });

/** Text that can be stored, all the way down: what the document says of every text in words. */
export function isStorableJson(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, child]) => key !== '__proto__' && isStorableJson(key) && isStorableJson(child));
}
