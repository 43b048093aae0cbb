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
}

interface MissingPart {
  readonly part: string;
  /** For people; no vendor's words. */
  readonly message: string;
}

const healthSchema = z.object({ status: z.literal('ok'), version: z.string() });
const readySchema = z.object({ status: z.literal('ready') });

export function registerOperations(app: FastifyInstance, { version, missing, metrics }: OperationsDeps): void {
  const document = once(() => createOpenApi(app.declaredRoutes, version));
  route(
    app,
    {
      method: 'GET',
      url: '/health',
      summary: 'Is the process alive?',
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
      tag: 'operations',
      auth: false,
      answers: { 200: readySchema },
    },
    async () => {
      const parts = await missing();
      if (parts.length > 0) throw new AppError('unavailable', 'Not ready: see errors.', parts.map(toFieldError));
      return { status: 200, body: { status: 'ready' as const } };
    },
  );
  route(
    app,
    {
      method: 'GET',
      url: '/metrics',
      summary: 'Counters for Prometheus, in its text format; nothing of any user',
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
