/** One route as an operation of the document. */
import type { z } from 'zod';
import { type ErrorCode, errorTable } from '../../core/errors.ts';
import { answerHeaderTexts, type CommonHeader, commonHeaderTexts, requestHeaderTexts } from './header-texts.ts';
import type { Json, SchemaWriter } from './openapi-schemas.ts';
import { problemMediaType } from './problem.ts';
import { type Answers, type DeclaredRoute, scopeOf, workOf } from './route.ts';

type Spec = DeclaredRoute['spec'];

type Counted = Pick<Spec, 'perMinute' | 'auth'>;

export function toOperation(route: DeclaredRoute, writer: SchemaWriter): Json {
  const { spec } = route;
  const codes = errorsOf(route);
  return {
    operationId: spec.operationId ?? defaultId(route),
    summary: spec.summary,
    ...(spec.description !== undefined && { description: spec.description }),
    tags: [spec.tag],
    // Of other kinds than OAuth, the list names the roles that are needed (OpenAPI 3.1 §4.8.30).
    security: spec.auth ? [{ bearer: [scopeOf(spec)] }] : [],
    parameters: [
      ...toParameters(spec.params, 'path', writer),
      ...toParameters(spec.query, 'query', writer),
      ...toHeaderParameters(spec),
    ],
    ...(spec.body !== undefined && { requestBody: toRequestBody(spec, spec.body, writer) }),
    responses: { ...toAnswers(spec, writer), ...toProblems(spec, codes) },
  };
}

/** `GET /api/v1/auth/devices/:id` → `getAuthDevicesId` */
function defaultId({ path, spec }: DeclaredRoute): string {
  const words = path.replace('/api/v1', '').match(/\w+/g) ?? [];
  return spec.method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

function toParameters(schema: z.ZodType | undefined, place: 'path' | 'query', writer: SchemaWriter): readonly Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = writer.write(schema, 'input') as {
    properties?: Readonly<Record<string, Json>>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, { description, ...value }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description !== undefined && { description }),
    schema: value,
  }));
}

function toHeaderParameters({ requestHeaders = [] }: Spec): readonly Json[] {
  return requestHeaders.map((name) => ({ name, in: 'header', required: false, ...requestHeaderTexts[name] }));
}

function toRequestBody(spec: Spec, body: z.ZodType, writer: SchemaWriter): Json {
  const mediaTypes = spec.bodyTypes ?? ['application/json'];
  const examples = Object.entries(spec.examples ?? {}).map(([summary, value], index) => [
    `example${index + 1}`,
    { summary, value },
  ]);
  const example = examples.length === 0 ? {} : { examples: Object.fromEntries(examples) };
  const schema = writer.write(body, 'input');
  const content = mediaTypes.map((type) => [type, isJson(type) ? { schema, ...example } : { schema: schemaOfBytes(type) }]);
  return { required: true, content: Object.fromEntries(content) };
}

const isJson = (mediaType: string): boolean => /[/+]json$/.test(mediaType);

/** Bytes of no text are described by their media type alone. */
const schemaOfBytes = (mediaType: string): Json => (/^text\/|x-ndjson$/.test(mediaType) ? { type: 'string' } : {});

function toAnswers(spec: Spec, writer: SchemaWriter): Json {
  const headers = { ...commonHeaders(spec), ...answerHeaders(spec) };
  return Object.fromEntries(
    Object.entries(spec.answers).map(([status, answer]) => {
      const described = { description: descriptionOf(Number(status), answer), headers };
      return [status, answer === null ? described : { ...described, content: toContent(answer, writer) }];
    }),
  );
}

function descriptionOf(status: number, answer: Answers[number]): string {
  if (status === 201) return 'Created';
  return answer === null ? 'Done; there is no body' : 'Done';
}

function toContent(answer: NonNullable<Answers[number]>, writer: SchemaWriter): Json {
  if (!('mediaTypes' in answer)) return { 'application/json': { schema: writer.write(answer, 'output') } };
  const bytes = answer.mediaTypes.map((type) => [type, { schema: isJson(type) ? {} : schemaOfBytes(type) }]);
  const json = answer.json === undefined ? {} : { 'application/json': { schema: writer.write(answer.json, 'output') } };
  return { ...Object.fromEntries(bytes), ...json };
}

function answerHeaders({ answerHeaders: named = {} }: Spec): Json {
  const entries = Object.entries(named) as [keyof typeof answerHeaderTexts, boolean][];
  return Object.fromEntries(entries.map(([name, required]) => [name, { required, ...answerHeaderTexts[name] }]));
}

/** What is counted by user or by address says what is left, where limits are on. */
const isCounted = ({ perMinute, auth }: Counted): boolean => perMinute !== undefined || auth;

function commonHeaders(spec: Counted): Json {
  const ofLimit: readonly CommonHeader[] = ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'];
  return {
    ...header('X-Request-Id', true),
    ...(isCounted(spec) && Object.assign({}, ...ofLimit.map((name) => header(name, false)))),
  };
}

const header = (name: CommonHeader, required: boolean): Json => ({ [name]: { required, ...commonHeaderTexts[name] } });

/** What the route names, and what follows from what it takes. Of what is outside of the API, only what it names. */
function errorsOf({ path, spec }: DeclaredRoute): readonly ErrorCode[] {
  const codes: ErrorCode[] = [...(spec.errors ?? [])];
  if (spec.params !== undefined || spec.query !== undefined || spec.body !== undefined) codes.push('invalid_request');
  if (spec.body !== undefined) codes.push('too_large', 'unsupported_media_type');
  if (spec.body !== undefined && !isStreamed(spec)) codes.push('invalid_json');
  if (spec.auth) codes.push('unauthorized', 'device_revoked');
  // Every key may read.
  if (spec.auth && scopeOf(spec) !== 'read') codes.push('insufficient_scope');
  if (isCounted(spec)) codes.push('rate_limited');
  if (workOf(spec) !== undefined) codes.push('too_many_requests');
  if (path.startsWith('/api/')) codes.push('internal_error', 'overloaded', 'unavailable');
  return [...new Set<ErrorCode>(codes)];
}

/** A file is read record by record, and what is no JSON in it is a record that fails. */
const isStreamed = ({ bodyTypes = [] }: Spec): boolean => bodyTypes.some((type) => !isJson(type));

/** One answer a status: its schema has the codes, its description what they mean. */
export function toProblems(spec: Counted, codes: readonly ErrorCode[]): Json {
  const statuses = [...new Set(codes.map((code) => errorTable[code].status))].sort((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => {
      const ofStatus = codes.filter((code) => errorTable[code].status === status);
      return [
        status,
        {
          description: ofStatus.map(toText).join('\n\n'),
          headers: problemHeaders(spec, status),
          content: { [problemMediaType]: { schema: toProblemSchema(status, ofStatus) } },
        },
      ];
    }),
  );
}

function toText(code: ErrorCode): string {
  const { cause, fix, retry } = errorTable[code];
  return `\`${code}\`: ${cause} ${fix}${retry ? ' The same request can succeed later.' : ''}`;
}

function toProblemSchema(status: number, codes: readonly ErrorCode[]): Json {
  return {
    allOf: [
      { $ref: '#/components/schemas/Problem' },
      { type: 'object', properties: { status: { const: status }, code: { type: 'string', enum: codes } } },
    ],
  };
}

function problemHeaders(spec: Counted, status: number): Json {
  return {
    ...commonHeaders(spec),
    ...(status === 401 && header('WWW-Authenticate', true)),
    ...((status === 429 || status === 503) && header('Retry-After', true)),
  };
}
