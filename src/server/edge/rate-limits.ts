/** Limits by address on the routes that ask for one (`perMinute`), by user on the others; kept in this process, or in Redis for all nodes together. */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { AppError } from '../../core/errors.ts';
import { ipv6Subnet } from './address-key.ts';
import { createLimitStore, type SharedCounter } from './limit-store.ts';

/** Addresses that are remembered at a time. */
const addresses = 100_000;

export interface RateLimitDeps {
  /** Null: every node counts for itself. */
  readonly redis: SharedCounter | null;
  /** Monotonic, ms. */
  readonly stopwatch: () => number;
}

export interface RateLimitOptions {
  /** Begins every key in Redis. */
  readonly prefix: string;
  /** Told of each request beyond its rate. */
  readonly onRefused: () => void;
}

export async function installRateLimits(
  app: FastifyInstance,
  { redis, stopwatch }: RateLimitDeps,
  { prefix, onRefused }: RateLimitOptions,
): Promise<void> {
  await app.register(rateLimit, {
    global: false,
    cache: addresses,
    ...(redis !== null && { store: createLimitStore({ redis, prefix, stopwatch }) }),
    ipv6Subnet,
    // RateLimit-Limit, -Remaining and -Reset, as the IETF draft names them.
    enableDraftSpec: true,
    onExceeded: onRefused,
    errorResponseBuilder: (_, { ttl }) => new AppError('rate_limited', `Try again in ${Math.ceil(ttl / 1000)} s.`),
  });
}

/** One count for all routes that take it. */
export function createUserLimit(app: FastifyInstance, perMinute: number): onRequestAsyncHookHandler {
  const keyGenerator = ({ principal, ip }: FastifyRequest): string => principal?.userId ?? ip;
  const limit = app.rateLimit({ max: perMinute, timeWindow: 60_000, keyGenerator });
  return async function limitUser(request, reply) {
    await limit.call(this, request, reply);
  };
}
