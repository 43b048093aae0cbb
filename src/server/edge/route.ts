/**
 * One way to declare a route: its schemas check what comes in, type the handler, and document the route in /openapi.json.
 *
 *     route(api, { method: 'GET', url: '/things/:id', summary: 'One thing', tag: 'things', auth: true,
 *       params: z.object({ id: idSchema<ThingId>() }), answers: { 200: thingSchema }, errors: ['unknown_thing'] },
 *       async ({ params, principal }) => ({ status: 200, body: await deps.things.read(principal.userId, params.id) }));
 */
import type { Readable } from 'node:stream';
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  onRequestAsyncHookHandler,
  onRequestHookHandler,
  onSendHookHandler,
  preParsingAsyncHookHandler,
  preParsingHookHandler,
} from 'fastify';
import type { z } from 'zod';
import { AppError, type ErrorCode, type FieldError } from '../../core/errors.ts';
import type { Principal } from '../access/principal.ts';
import { allows, type Scope } from '../access/scopes.ts';
import type { WorkKind } from '../admission/admission.ts';
import type { AdmissionHook } from './admission-hook.ts';
import type { SendAnswer } from './answers-together.ts';
import { toFieldErrors } from './field-errors.ts';
import type { AnswerHeader, RequestHeader } from './header-texts.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** Refuses requests without a valid token and sets `principal`. */
    authenticate: onRequestHookHandler;
    /** Refuses a large body of one who has too many on their way. */
    limitLargeBodies: onRequestHookHandler;
    /** Waits for a turn (SEC-16). */
    admit: AdmissionHook;
    /** Who reads a large answer too slowly is not waited for. */
    watchAnswer: onSendHookHandler<unknown>;
    /** Counts the requests of the user; null: they are not counted. */
    limitUser: onRequestAsyncHookHandler | null;
    /** Sends what a handler answered. */
    sendAnswer: SendAnswer;
    /** Every route that was declared, for /openapi.json. */
    declaredRoutes: DeclaredRoute[];
  }
  interface FastifyRequest {
    principal: Principal | null;
  }
}

/** Bytes of other media types, beside JSON when `json` is there. The handler sets `content-type`. */
export interface OtherMedia {
  readonly json?: z.ZodType;
  readonly mediaTypes: readonly string[];
}

/** By status. Null: no body. */
export type Answers = Readonly<Record<number, z.ZodType | OtherMedia | null>>;

export interface RouteSpec<Params, Query, Body, Given extends Answers, Auth extends boolean> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly summary: string;
  /** What a caller has to know beyond the summary, in Markdown. */
  readonly description?: string;
  /** What generated clients call it. Default: made of method and path. */
  readonly operationId?: string;
  /** The section of the documentation. */
  readonly tag: string;
  /** Whether a token is needed. */
  readonly auth: Auth;
  /** What an API key needs. Default: read for GET, write for the rest. */
  readonly scope?: Scope;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** Media types that the body may have. Default: application/json. */
  readonly bodyTypes?: readonly string[];
  /** Bodies that are accepted as they stand here, by a name for people. */
  readonly examples?: Readonly<Record<string, unknown>>;
  /** The headers that the handler reads. */
  readonly requestHeaders?: readonly RequestHeader[];
  /** Default: BODY_LIMIT_BYTES. */
  readonly bodyLimitBytes?: number;
  /** What it costs. Default: `light` with a token; without one it has no queue. */
  readonly work?: WorkKind;
  /** Requests of one address in a minute. Default: with a token, those of one user, all such routes together. */
  readonly perMinute?: number;
  readonly answers: Given;
  /** Of answers that succeed; true: of every one of them. */
  readonly answerHeaders?: Readonly<Partial<Record<AnswerHeader, boolean>>>;
  /** Beyond those that follow from the rest: unauthorized, invalid_request, too_large, internal_error … */
  readonly errors?: readonly ErrorCode[];
}

export interface RouteInput<Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType, Auth extends boolean> {
  readonly params: z.output<Params>;
  readonly query: z.output<Query>;
  readonly body: z.output<Body>;
  readonly principal: Auth extends true ? Principal : null;
  /** For headers and streams. */
  readonly request: FastifyRequest;
}

type AnswerBody<Given> = Given extends z.ZodType
  ? { readonly body: z.input<Given> }
  : Given extends OtherMedia
    ? { readonly body: Readable | Uint8Array | string | (Given['json'] extends z.ZodType ? z.input<Given['json']> : never) }
    : { readonly body?: undefined };

/** One of the answers that the route declares. */
export type Answer<Given extends Answers, Status extends keyof Given & number> = AnswerBody<Given[Status]> & {
  readonly status: Status;
  readonly headers?: Readonly<Record<string, string>>;
};

type AnySpec = RouteSpec<z.ZodType, z.ZodType, z.ZodType, Answers, boolean>;

export interface DeclaredRoute {
  /** With the prefix of where it was registered. */
  readonly path: string;
  readonly spec: AnySpec;
}

export function route<
  const Given extends Answers,
  Auth extends boolean,
  Params extends z.ZodType = z.ZodUndefined,
  Query extends z.ZodType = z.ZodUndefined,
  Body extends z.ZodType = z.ZodUndefined,
  Status extends keyof Given & number = keyof Given & number,
>(
  app: FastifyInstance,
  spec: RouteSpec<Params, Query, Body, Given, Auth>,
  handler: (input: RouteInput<Params, Query, Body, Auth>) => Promise<Answer<Given, Status>> | Answer<Given, Status>,
): void {
  app.declaredRoutes.push({ path: `${app.prefix}${spec.url}`, spec });
  const work = workOf(spec);
  app.route({
    method: spec.method,
    url: spec.url,
    // Behind the limits of the address, which count what is refused too, and before the body is read.
    preParsing: doorsOf(app, spec),
    preHandler: work === undefined ? [] : [app.admit(work)],
    onSend: spec.auth ? [app.watchAnswer] : [],
    ...(spec.bodyLimitBytes !== undefined && { bodyLimit: spec.bodyLimitBytes }),
    config: spec.perMinute === undefined ? {} : { rateLimit: { max: spec.perMinute, timeWindow: 60_000 } },
    handler(request, reply) {
      // `checkRequest` parsed each part with the schema that types it, and `authenticate` ran where `auth` is set.
      const input = checkRequest(spec, request) as unknown as RouteInput<Params, Query, Body, Auth>;
      request.turn?.begin();
      answerWith(request, reply, input, handler);
    },
  });
}

export const workOf = (spec: Pick<AnySpec, 'work' | 'auth'>): WorkKind | undefined =>
  spec.work ?? (spec.auth ? 'light' : undefined);

/** What a key needs for a route. */
export function scopeOf({ method, scope }: Pick<AnySpec, 'method' | 'scope'>): Scope {
  return scope ?? (method === 'GET' ? 'read' : 'write');
}

/** Who is asking, and whether what they hold is enough for this route. */
function createDoor(app: FastifyInstance, needed: Scope): preParsingHookHandler {
  return (request, reply, _payload, done) =>
    app.authenticate.call(app, request, reply, (error) => {
      if (error !== undefined) return done(error);
      const isAllowed = allows(request.principal?.scopes ?? [], needed);
      done(isAllowed ? null : new AppError('insufficient_scope', `The key needs the scope ${needed}.`));
    });
}

/** A route with a rate of its own has that one. */
function doorsOf(app: FastifyInstance, spec: AnySpec): (preParsingHookHandler | preParsingAsyncHookHandler)[] {
  const { limitUser, limitLargeBodies } = app;
  if (!spec.auth) return [];
  const doors: (preParsingHookHandler | preParsingAsyncHookHandler)[] = [createDoor(app, scopeOf(spec))];
  const ofUser: preParsingAsyncHookHandler = async (request, reply) => void (await limitUser?.call(app, request, reply));
  if (limitUser !== null && spec.perMinute === undefined) doors.push(ofUser);
  const ofBodies: preParsingHookHandler = (request, reply, _payload, done) => limitLargeBodies.call(app, request, reply, done);
  if (spec.body !== undefined && spec.work !== 'import') doors.push(ofBodies);
  return doors;
}

interface AnyAnswer {
  readonly status: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer that is there at once waits for no promise: most of what Fastify does about one would be for nothing. */
function answerWith<Input>(
  request: FastifyRequest,
  reply: FastifyReply,
  input: Input,
  handler: (input: Input) => Promise<AnyAnswer> | AnyAnswer,
): void {
  const fail = (error: unknown): void => {
    reply.send(error);
    request.turn?.end();
  };
  const send = (answer: AnyAnswer): void =>
    request.server.sendAnswer(() => {
      try {
        replyWith(reply, answer);
        request.turn?.end();
      } catch (error) {
        fail(error);
      }
    });
  try {
    const answer = handler(input);
    if (answer instanceof Promise) answer.then(send, fail);
    else send(answer);
  } catch (error) {
    fail(error);
  }
}

function replyWith(reply: FastifyReply, { status, headers, body }: AnyAnswer): void {
  reply.code(status);
  if (headers !== undefined) reply.headers(headers);
  reply.send(body);
}

interface CheckedRequest {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  readonly principal: Principal | null;
  readonly request: FastifyRequest;
}

/** SEC-2: every wrong field is named, and nothing was done yet. */
function checkRequest(spec: AnySpec, request: FastifyRequest): CheckedRequest {
  assertMediaType(spec, request);
  const errors: FieldError[] = [];
  const params = check(spec.params, request.params, errors);
  const query = check(spec.query, request.query, errors);
  const body = check(spec.body, request.body, errors);
  if (errors.length > 0) throw new AppError('invalid_request', undefined, errors);
  return { params, query, body, principal: request.principal, request };
}

/** @param errors takes what is wrong. */
function check(schema: z.ZodType | undefined, value: unknown, errors: FieldError[]): unknown {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  errors.push(...toFieldErrors(result.error));
  return undefined;
}

/** Every media type that some route reads has a parser; this route may read fewer. */
function assertMediaType(spec: AnySpec, request: FastifyRequest): void {
  if (spec.body === undefined || request.headers['content-type'] === undefined) return;
  const mediaType = request.headers['content-type'].split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (!(spec.bodyTypes ?? ['application/json']).includes(mediaType)) throw new AppError('unsupported_media_type');
}
