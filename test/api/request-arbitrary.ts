/** Requests of every operation of the document: right by it, or wrong in one place. */
import fc from 'fast-check';
import type { Contract, Json, Operation, ParameterObject } from '../support/openapi.ts';
import { type Mutation, mutate, mutation } from './mutate.ts';
import { arbitraryOf, isStorableJson } from './schema-arbitrary.ts';

export interface Step {
  readonly operationId: string;
  readonly who: 'first' | 'second';
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: none. Bytes and strings are sent as they are. */
  readonly body: unknown;
  readonly mediaType: string | undefined;
  readonly token: 'own' | 'none' | 'garbage';
  /** Which of the things that are there is meant, where ids are the server's: a conflict, a cursor. */
  readonly pick: number;
}

/** What would end the sessions that the others need; they have suites of their own. */
const left = new Set(['openSyncSocket', 'logout', 'deleteAccount', 'changePassword', 'getOpenApi']);

export function stepArbitrary(contract: Contract): fc.Arbitrary<Step> {
  const operations = [...contract.operations.values()].filter(({ operationId }) => !left.has(operationId));
  return fc.oneof(
    ...operations.map((operation) => ({ weight: weightOf(operation), arbitrary: ofOperation(contract, operation) })),
  );
}

/** Accounts cost a password hash each; what writes and what reads memories is what others build on. */
function weightOf({ tags, method }: Operation): number {
  if (tags.includes('auth') || tags.includes('operations')) return 1;
  return tags.includes('memories') || tags.includes('sync') ? (method === 'GET' ? 4 : 6) : 3;
}

function ofOperation(contract: Contract, operation: Operation): fc.Arbitrary<Step> {
  const { parameters = [], operationId } = operation;
  const inPath = parameters.filter((parameter) => parameter.in === 'path');
  const inQuery = parameters.filter((parameter) => parameter.in === 'query');
  const resolve = resolverOf(contract);
  return fc.record({
    operationId: fc.constant(operationId),
    who: fc.constantFrom('first' as const, 'first' as const, 'second' as const),
    params: fc.record(Object.fromEntries(inPath.map((parameter) => [parameter.name, pathText(parameter, resolve)]))),
    query: fc.oneof({ weight: 5, arbitrary: queryOf(inQuery, resolve) }, { weight: 1, arbitrary: wrongQuery(inQuery) }),
    headers: headersOf(parameters),
    ...bodyOf(contract, operation, resolve),
    token: fc.oneof(
      { weight: 20, arbitrary: fc.constant('own' as const) },
      { weight: 1, arbitrary: fc.constantFrom('none' as const, 'garbage' as const) },
    ),
    pick: fc.nat(20),
  });
}

type Resolve = (name: string) => Json;

const resolverOf =
  ({ document }: Contract): Resolve =>
  (name) =>
    document.components.schemas[name] ?? {};

function pathText({ schema }: ParameterObject, resolve: Resolve): fc.Arbitrary<string> {
  const wrong = fc.constantFrom('x', '\0', 'a/b', "' or 1=1 --", '0198c0de-0000-7000-8000-0000000000011', '😀'.repeat(40));
  return fc.oneof({ weight: 15, arbitrary: arbitraryOf(schema, resolve).map(String) }, { weight: 1, arbitrary: wrong });
}

function queryOf(parameters: readonly ParameterObject[], resolve: Resolve): fc.Arbitrary<Step['query']> {
  // Cursors are the server's own: they are put in when the step is taken.
  const named = parameters.filter(({ name }) => name !== 'cursor');
  const model = Object.fromEntries(
    named.map(({ name, schema }) => [name, arbitraryOf(schema, resolve).filter(isStorableJson).map(toQueryText)]),
  );
  // What is left out is not there at all, whatever the type says.
  return fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<Step['query']>;
}

/** A comma of a value is written `\,`. */
function toQueryText(value: unknown): string | readonly string[] {
  return Array.isArray(value) ? value.map((item) => String(item).replaceAll(',', '\\,')) : String(value);
}

function wrongQuery(parameters: readonly ParameterObject[]): fc.Arbitrary<Step['query']> {
  const names = [...parameters.map(({ name }) => name), 'colour'];
  const texts = fc.constantFrom(
    '',
    ' ',
    'x',
    '-1',
    '1.5',
    ' 5',
    '1e1',
    '0x10',
    'NaN',
    'null',
    '9'.repeat(30),
    'a\0b',
    '2026-02-30',
    'x'.repeat(3_000),
    '\ufffd',
  );
  return fc.tuple(fc.constantFrom(...names), fc.oneof(texts, fc.tuple(texts, texts))).map(([name, text]) => ({ [name]: text }));
}

function headersOf(parameters: readonly ParameterObject[]): fc.Arbitrary<Step['headers']> {
  const accept = fc.constantFrom({}, {}, { accept: 'application/msgpack' });
  if (!parameters.some(({ name }) => name === 'If-Match')) return accept;
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant({}) },
    {
      weight: 2,
      arbitrary: fc.constantFrom('"1"', '"2"', 'W/"3"', '*', '"1", "2"', '1', '"', '').map((tag) => ({ 'if-match': tag })),
    },
  );
}

const brokenBodies: readonly unknown[] = [
  '',
  '{',
  '[1,',
  'null',
  '"text"',
  '"\\ud800"',
  '{"__proto__":{"a":1}}',
  '[[[[[[[[[[',
  new Uint8Array([0x22, 0xff, 0x22]),
];

interface BodyArbitraries {
  readonly body: fc.Arbitrary<unknown>;
  readonly mediaType: fc.Arbitrary<string | undefined>;
}

function bodyOf(contract: Contract, operation: Operation, resolve: Resolve): BodyArbitraries {
  const [mediaType, media] = Object.entries(operation.requestBody?.content ?? {})[0] ?? [];
  if (mediaType === undefined || media === undefined) return { body: fc.constant(undefined), mediaType: fc.constant(undefined) };
  const right = fc
    .oneof(
      { weight: 3, arbitrary: rightBody(operation, media.schema, resolve) },
      { weight: 1, arbitrary: fc.constantFrom(...Object.values(media.examples ?? {}).map(({ value }) => value)) },
    )
    .filter((body) => isStorableJson(body) && contract.takes(operation, mediaType, body));
  const wrong = fc.tuple(right, mutation).map(([body, how]: [unknown, Mutation]) => mutate(body, how));
  return {
    body: fc.oneof(
      { weight: 6, arbitrary: right },
      { weight: 4, arbitrary: wrong },
      { weight: 1, arbitrary: fc.constantFrom(...brokenBodies) },
    ),
    mediaType: fc.oneof(
      { weight: 30, arbitrary: fc.constant(mediaType) },
      { weight: 1, arbitrary: fc.constantFrom('application/yaml', 'text/plain', 'multipart/form-data') },
    ),
  };
}

/** Where the schema of a body leaves open what is in it, something that means something. */
function rightBody({ operationId }: Operation, schema: Json, resolve: Resolve): fc.Arbitrary<unknown> {
  if (operationId === 'syncPush')
    return arbitraryOf(schema, (name) => (name === 'RegisterPatchOperation' ? registerOperation : resolve(name)));
  if (operationId === 'importMemories') return fc.array(arbitraryOf(resolve('NewMemory'), resolve), { maxLength: 4 });
  return arbitraryOf(schema, resolve);
}

const registerOperation: Json = {
  oneOf: [
    operationOn('/content', { type: 'string', minLength: 1, maxLength: 20 }),
    operationOn('/type', { enum: ['fact', 'task'] }),
    operationOn('/scope', { enum: ['site', 'session'] }),
    operationOn('/confidence', { type: 'number', minimum: 0, maximum: 1 }),
    operationOn('/deleted', { type: 'boolean' }),
    operationOn('/tags/a', { const: true }),
    {
      type: 'object',
      properties: { op: { const: 'remove' }, path: { enum: ['/tags/a', '/source', '/confidence'] } },
      required: ['op', 'path'],
    },
  ],
};

function operationOn(path: string, value: Json): Json {
  return {
    type: 'object',
    properties: { op: { enum: ['add', 'replace'] }, path: { const: path }, value },
    required: ['op', 'path', 'value'],
  };
}
