/** For whoever runs the server: is it alive, is it ready, what does it speak. No token, at the root. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { AppError, type FieldError } from '../../core/errors.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createOpenApi } from './openapi.ts';
import { route } from './route.ts';

export interface OperationsDeps {
  readonly version: string;
  readonly metrics: Metrics;
  /** What the server needs and does not have; empty when it is ready. */
  readonly missing: () => Promise<readonly MissingPart[]>;
  /** What it can serve without: named, and by default a reason for 503 where a promise was made (Redis). */
  readonly degraded: () => readonly DegradedPart[];
}

interface MissingPart {
  readonly part: string;
  /** For people; no vendor's words. */
  readonly message: string;
}

interface DegradedPart extends MissingPart {
  /** 503, unless the caller says that this is fine. */
  readonly isPromised: boolean;
}

const healthSchema = z.object({ status: z.literal('ok'), version: z.string() });
const partSchema = z.object({ part: z.string(), message: z.string() });
const readySchema = z.object({
  status: z.literal('ready'),
  degraded: z.array(partSchema).optional().meta({ description: 'What is away, and what is done without it.' }),
});
const readyQuery = z.strictObject({
  degraded: z.enum(['ok']).optional().meta({
    description:
      'ok: 200 also where only Redis is away. For balancers: without Redis every node can serve, and all lose it together.',
  }),
});

export function registerOperations(app: FastifyInstance, { version, missing, degraded, metrics }: OperationsDeps): void {
  const document = once(() => createOpenApi(app.declaredRoutes, version));
  route(
    app,
    {
      method: 'GET',
      url: '/health',
      summary: 'Is the process alive?',
      operationId: 'getHealth',
      description: 'Asks nothing of the database: it answers as long as the process does.',
      tag: 'operations',
      auth: false,
      answers: { 200: healthSchema },
    },
    () => ({ status: 200, body: { status: 'ok' as const, version } }),
  );
  route(
    app,
    {
      method: 'GET',
      url: '/ready',
      summary: 'Can requests be served?',
      operationId: 'getReadiness',
      description: 'Looks for the database, its migrations and what else is configured; 503 names in `errors` what is missing.',
      tag: 'operations',
      auth: false,
      query: readyQuery,
      answers: { 200: readySchema },
      errors: ['unavailable'],
    },
    async ({ query }) => {
      const away = degraded();
      const promised = query.degraded === 'ok' ? [] : away.filter(({ isPromised }) => isPromised);
      const parts = [...(await missing()), ...promised];
      if (parts.length > 0) throw new AppError('unavailable', 'Not ready: see errors.', parts.map(toFieldError));
      const named = away.map(({ part, message }) => ({ part, message }));
      return { status: 200, body: { status: 'ready' as const, ...(named.length > 0 && { degraded: named }) } };
    },
  );
  route(
    app,
    {
      method: 'GET',
      url: '/metrics',
      summary: 'Counters for Prometheus, in its text format; nothing of any user',
      operationId: 'getMetrics',
      description: 'Labels come from fixed lists: no user, no content, no address.',
      tag: 'operations',
      auth: false,
      answers: { 200: { mediaTypes: ['text/plain'] } },
    },
    async () => ({ status: 200, headers: { 'content-type': metrics.contentType }, body: await metrics.text() }),
  );
  route(
    app,
    {
      method: 'GET',
      url: '/openapi.json',
      summary: 'This document',
      operationId: 'getOpenApi',
      description: 'OpenAPI 3.1, made of the schemas that check the requests. `/docs` shows it.',
      tag: 'operations',
      auth: false,
      answers: { 200: z.looseObject({ openapi: z.string() }) },
    },
    () => ({ status: 200, body: document() }),
  );
}

const toFieldError = ({ part, message }: MissingPart): FieldError => ({ path: part, message });

/** All routes are declared before the first request, and none after. */
function once<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
