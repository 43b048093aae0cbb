/** Errors as the caller sees them: `application/problem+json` (RFC 9457), never with a word of a database or vendor. */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, type ErrorCode, errorTable, type FieldError } from '../../core/errors.ts';
import { DatabaseBusy, DatabaseError, DatabaseUnavailable } from '../infra/database.ts';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly requestId: string;
}

export const problemMediaType = 'application/problem+json';

/** How long to wait where trying again is right and the limit itself says nothing, s. */
const retryAfterSeconds = 1;

/** 57014 too slow, 40001 and 40P01 conflicting transactions, 55P03 lock not available: the same request can succeed later. */
const passingStates = new Set(['57014', '40001', '40P01', '55P03']);

/** Any error on its way out. What nobody expected is logged, and only the request id goes to the caller. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toAppError(error);
  if (known.code === 'internal_error') request.log.error({ err: error }, 'unexpected error');
  else if (known.code === 'unavailable') request.log.warn({ err: error }, 'database unavailable');
  return sendProblem(known, request, reply);
}

export function sendProblem(error: AppError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = toProblem(error, request.id);
  // Errors of the router come before the hook that sets it.
  reply.header('x-request-id', request.id);
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  const mayRetryAfter = error.members['retryAfterSeconds'] ?? retryAfterSeconds;
  // On 429 the limiter may have said more exactly when.
  if (problem.status === 503 || (problem.status === 429 && !reply.hasHeader('retry-after')))
    reply.header('retry-after', mayRetryAfter);
  return reply.code(problem.status).type(problemMediaType).send(JSON.stringify(problem));
}

export function toProblem(error: AppError, requestId: string): Problem {
  const { status, title } = errorTable[error.code];
  return {
    type: `urn:aibrain:problem:${error.code}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    ...(error.errors.length > 0 && { errors: error.errors }),
    ...error.members,
    requestId,
  };
}

export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof DatabaseBusy) return new AppError('overloaded');
  if (error instanceof DatabaseUnavailable) return new AppError('unavailable');
  if (error instanceof DatabaseError && passingStates.has(error.sqlState)) return new AppError('overloaded');
  if (isFastifyError(error)) return fastifyToAppError(error);
  return new AppError('internal_error');
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && error.code.startsWith('FST_ERR_');
}

/** Its messages repeat what was sent, so none of them is passed on. */
function fastifyToAppError(error: FastifyError): AppError {
  switch (error.code) {
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return new AppError('invalid_json', 'The body is empty.');
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new AppError('invalid_json');
    case 'FST_ERR_BAD_URL':
      return new AppError('invalid_request', 'The path is not valid percent-encoded UTF-8.');
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new AppError('invalid_request', 'The body does not have the length that Content-Length says.');
    default:
      return new AppError(codeByStatus.get(error.statusCode ?? 500) ?? 'internal_error');
  }
}

const codeByStatus: ReadonlyMap<number, ErrorCode> = new Map([
  [400, 'invalid_request'],
  [404, 'not_found'],
  [413, 'too_large'],
  [415, 'unsupported_media_type'],
]);
