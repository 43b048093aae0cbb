/** The OpenAPI 3.1 document, made of the schemas that check the requests. */
import { z } from 'zod';
import { type ErrorCode, errorTable } from '../../core/errors.ts';
import { problemMediaType } from './problem.ts';
import { type Answers, type DeclaredRoute, workOf } from './route.ts';

type Json = Readonly<Record<string, unknown>>;
type Direction = 'input' | 'output';

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(Object.keys(errorTable)),
  detail: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  requestId: z.string(),
});

export function createOpenApi(routes: readonly DeclaredRoute[], version: string): Json & { readonly openapi: string } {
  const schemas = new Map<string, unknown>();
  const toSchema = createSchemaWriter(schemas);
  schemas.set('Problem', toSchema(problemSchema, 'output'));
  const paths = new Map<string, Record<string, unknown>>();
  for (const { path, spec } of routes) {
    const key = path.replace(/:(\w+)/g, '{$1}');
    paths.set(key, { ...paths.get(key), [spec.method.toLowerCase()]: toOperation(spec, toSchema) });
  }
  return {
    openapi: '3.1.0',
    info: { title: 'AIBrain Server', version, license: { name: 'MIT', identifier: 'MIT' } },
    paths: Object.fromEntries(paths),
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: Object.fromEntries(schemas),
    },
  };
}

type SchemaWriter = (schema: z.ZodType, direction: Direction) => Json;

/** Schemas with an id (`.meta({ id })`) become components, the others stand where they are used. */
function createSchemaWriter(components: Map<string, unknown>): SchemaWriter {
  return (schema, direction) => {
    const text = JSON.stringify(z.toJSONSchema(schema, { io: direction, unrepresentable: 'any' }));
    const { $schema, $defs, ...json } = JSON.parse(text.replaceAll('#/$defs/', '#/components/schemas/'));
    for (const [id, definition] of Object.entries($defs ?? {})) if (!components.has(id)) components.set(id, definition);
    return json;
  };
}

function toOperation(spec: DeclaredRoute['spec'], toSchema: SchemaWriter): Json {
  return {
    summary: spec.summary,
    tags: [spec.tag],
    security: spec.auth ? [{ bearer: [] }] : [],
    parameters: [...toParameters(spec.params, 'path', toSchema), ...toParameters(spec.query, 'query', toSchema)],
    ...(spec.body !== undefined && {
      requestBody: {
        required: true,
        content: toContent(toSchema(spec.body, 'input'), spec.bodyTypes ?? ['application/json']),
      },
    }),
    responses: { ...toAnswers(spec.answers, toSchema), ...toProblems(errorsOf(spec)) },
  };
}

function toParameters(schema: z.ZodType | undefined, place: 'path' | 'query', toSchema: SchemaWriter): readonly Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = toSchema(schema, 'input') as { properties?: Json; required?: readonly string[] };
  return Object.entries(properties).map(([name, value]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: value,
  }));
}

function toAnswers(answers: Answers, toSchema: SchemaWriter): Json {
  return Object.fromEntries(
    Object.entries(answers).map(([status, answer]) => {
      const description = Number(status) === 201 ? 'Created' : 'Done';
      if (answer === null) return [status, { description }];
      if (!('mediaTypes' in answer)) return [status, { description, content: toContent(toSchema(answer, 'output')) }];
      const json = answer.json === undefined ? {} : toContent(toSchema(answer.json, 'output'));
      return [status, { description, content: { ...toContent({}, answer.mediaTypes), ...json } }];
    }),
  );
}

function toContent(schema: Json, mediaTypes: readonly string[] = ['application/json']): Json {
  return Object.fromEntries(mediaTypes.map((mediaType) => [mediaType, { schema }]));
}

/** What the route names, and what follows from what it takes. */
function errorsOf(spec: DeclaredRoute['spec']): readonly ErrorCode[] {
  const codes: ErrorCode[] = [...(spec.errors ?? [])];
  if (spec.params !== undefined || spec.query !== undefined || spec.body !== undefined) codes.push('invalid_request');
  if (spec.body !== undefined) codes.push('invalid_json', 'too_large', 'unsupported_media_type');
  if (spec.auth) codes.push('unauthorized', 'device_revoked');
  if (spec.perMinute !== undefined || spec.auth) codes.push('rate_limited');
  if (workOf(spec) !== undefined) codes.push('overloaded', 'too_many_requests');
  return [...new Set<ErrorCode>([...codes, 'internal_error', 'unavailable'])];
}

/** One answer a status; its description lists the codes. */
function toProblems(codes: readonly ErrorCode[]): Json {
  const statuses = [...new Set(codes.map((code) => errorTable[code].status))].sort((a, b) => a - b);
  return Object.fromEntries(
    statuses.map((status) => {
      const lines = codes
        .filter((code) => errorTable[code].status === status)
        .map((code) => `\`${code}\`: ${errorTable[code].cause}`);
      const content = toContent({ $ref: '#/components/schemas/Problem' }, [problemMediaType]);
      return [status, { description: lines.join('\n\n'), content }];
    }),
  );
}
