/** The OpenAPI 3.1 document, made of the schemas that check the requests and shape the answers. */
import { z } from 'zod';
import { type ErrorCode, errorTable } from '../../core/errors.ts';
import { toOperation, toProblems } from './openapi-operation.ts';
import { createSchemaWriter, type Json, type SchemaWriter } from './openapi-schemas.ts';
import { apiDescription, syncSocketDescription, tagTexts } from './openapi-texts.ts';
import type { DeclaredRoute } from './route.ts';
import { frameSchemas, syncSocketPath } from './sync-socket-door.ts';

export function createOpenApi(routes: readonly DeclaredRoute[], version: string): Json & { readonly openapi: string } {
  const writer = createSchemaWriter();
  writer.write(problemSchema, 'output');
  // What is read has the plain name where what is written differs from it.
  for (const { spec } of routes) for (const schema of answerSchemas(spec)) writer.write(schema, 'output');
  const paths = new Map<string, Record<string, unknown>>();
  for (const { path, spec } of routes) {
    const key = path.replace(/:(\w+)/g, '{$1}');
    paths.set(key, { ...paths.get(key), [spec.method.toLowerCase()]: toOperation({ path, spec }, writer) });
  }
  paths.set(syncSocketPath, { get: syncSocketOperation(writer) });
  return {
    openapi: '3.1.0',
    info: {
      title: 'AIBrain Server',
      version,
      summary: 'Memories of one person for all assistants: kept as events, found by meaning, in step on all devices.',
      description: apiDescription,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'The server that this document comes from' }],
    externalDocs: { url: '/docs/PROTOCOL.md', description: 'The sync protocol: frames and rules' },
    tags: tagTexts,
    paths: Object.fromEntries(paths),
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT or API key (aib_…)',
          description: 'The `token` of register, login or refresh, or an API key.',
        },
      },
      schemas: Object.fromEntries([...writer.components].sort(([a], [b]) => (a < b ? -1 : 1))),
    },
    'x-error-codes': errorTable,
  };
}

const problemSchema = z
  .object({
    type: z.string().meta({ description: '`urn:aibrain:problem:<code>`' }),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]]).meta({ description: 'Stable: decide by this.' }),
    detail: z.string().meta({ description: 'For people; its wording may change.' }),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .meta({ description: 'The fields that are wrong, dotted, as in `source.title` or `ops.3.hlc`; empty: the whole.' }),
    requestId: z.string().meta({ description: 'The header `X-Request-Id`.' }),
    expected: z.int().optional().meta({ description: 'Of `counter_gap`: the counter to push from.' }),
    retryAfterSeconds: z.int().optional().meta({ description: 'The header `Retry-After`, where what is asked says how long.' }),
  })
  .meta({
    id: 'Problem',
    description: 'An error (RFC 9457).',
    examples: [
      {
        type: 'urn:aibrain:problem:invalid_request',
        title: errorTable.invalid_request.title,
        status: 400,
        code: 'invalid_request',
        detail: errorTable.invalid_request.cause,
        errors: [{ path: 'content', message: 'must not be empty' }],
        requestId: '5f0c7a52-3f7e-4d55-9a5e-0f8f4b0a7f11',
      },
    ],
  });

function answerSchemas({ answers }: DeclaredRoute['spec']): readonly z.ZodType[] {
  return Object.values(answers).flatMap((answer) => {
    if (answer === null) return [];
    return 'mediaTypes' in answer ? (answer.json ?? []) : answer;
  });
}

/** Before there is a socket. `not_found`: the request asks for no upgrade. */
const socketErrors: readonly ErrorCode[] = ['unauthorized', 'origin_refused', 'not_found', 'too_many_sockets', 'overloaded'];

/** OpenAPI knows no sockets: the upgrade is a GET, and the frames stand beside it. */
function syncSocketOperation(writer: SchemaWriter): Json {
  return {
    operationId: 'openSyncSocket',
    summary: 'WebSocket: a device in step with the log, frame by frame',
    description: syncSocketDescription,
    tags: ['sync'],
    security: [],
    parameters: [],
    externalDocs: { url: '/docs/PROTOCOL.md', description: 'Frames, their binary form, and the rules' },
    responses: {
      101: { description: 'The socket is open, and waits for HELLO.' },
      ...toProblems({ auth: false }, socketErrors),
    },
    'x-websocket': {
      fromClient: writer.write(frameSchemas.fromClient, 'input'),
      fromServer: writer.write(frameSchemas.fromServer, 'output'),
    },
  };
}
